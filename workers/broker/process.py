"""The local broker as a process: start, wait until it serves, restart, stop; in the foreground too.

It counts as started when it has given a producer its transactional id, so that the first
transaction of a worker finds the coordinator loaded.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from stylecore.errors import Permanent, Transient
from workers.broker import keeper
from workers.broker.java import java_command, kafka_jars, keep_archive
from workers.broker.ports import free_port
from workers.broker.properties import HOST, format_data, properties_of, write_properties

START_SECONDS = 60.0
STOP_SECONDS = 20.0
LOG_LINES = 15


class Broker:
    """A local broker; `process` is its keeper."""

    process: subprocess.Popen[bytes]

    def __init__(
        self,
        folder: Path,
        port: int,
        properties: dict[str, object],
        client: Mapping[str, str],
        *,
        temporary: bool,
    ) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "broker.log"
        self.bootstrap_servers = f"{HOST}:{port}"
        self._client = client
        self._temporary = temporary
        self._pid = folder / "broker.pid"
        self._stopped = True
        self._jars = kafka_jars()
        settled = {**properties_of(folder, port, free_port()), **properties}
        self._command = java_command(self._jars, write_properties(folder, settled))

    def start(self) -> None:
        """Start the broker and wait until it answers. Raises Permanent with its log's end."""
        _require_free(self.port)
        format_data(self.folder)
        remove = str(self.folder) if self._temporary else ""
        wait = [sys.executable, "-IS", keeper.__file__, str(STOP_SECONDS), str(self._pid), remove]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*wait, *self._command], stdin=subprocess.PIPE, stderr=log, start_new_session=True
            )
        self._stopped = False
        try:
            self._wait_until_ready(time.monotonic() + START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker in order, unless it is stopped; its data stays."""
        if not self._stopped:
            self._stopped = True
            self.process.communicate(b"stop\n", timeout=STOP_SECONDS + 5)
            keep_archive(self._jars, self.folder)

    @property
    def pid(self) -> int:
        """The process id of the broker itself, for who wants to kill it."""
        return int(self._pid.read_text())

    def restart(self) -> None:
        """Restart the broker on the same port and data, also after it was killed."""
        self.stop()
        self.start()

    def require_running(self) -> None:
        """Raises Permanent with the end of the log when the broker has ended by itself."""
        if self.process.poll() is not None:
            raise Permanent(f"the broker has ended; the end of {self.log}:\n{self._log_end()}")

    def _wait_until_ready(self, deadline: float) -> None:
        while not _is_listening(self.port):
            self.require_running()
            self._require_before(deadline)
            time.sleep(0.02)
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "transactional.id": "stylecast-broker-start",
                "retry.backoff.ms": 20,
                "reconnect.backoff.ms": 20,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,
                **self._client,
            }
        )
        while not _answers(producer):
            self.require_running()
            self._require_before(deadline)

    def _require_before(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise Transient(
                f"the broker did not answer within {START_SECONDS:.0f} s; "
                f"the end of {self.log}:\n{self._log_end()}"
            )

    def _log_end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])


@contextmanager
def local_broker(
    folder: Path | None = None,
    port: int | None = None,
    client: Mapping[str, str] | None = None,
    **properties: object,
) -> Iterator[Broker]:
    """Start a broker, and stop it at the end of the block.

    Without `folder` its data goes with it; with one, a later broker continues there. Without
    `port` it takes a free one. `properties` are the broker's, `_` standing for `.`; `client` are
    librdkafka's, for a broker that requires them.
    Raises Permanent (no Java, a changed jar, a port taken, a broken configuration) or Transient.
    """
    dotted = {name.replace("_", "."): value for name, value in properties.items()}
    home = folder or Path(tempfile.mkdtemp(prefix="stylecast-kafka-"))
    home.mkdir(parents=True, exist_ok=True)
    try:
        broker = Broker(
            home.resolve(), port or free_port(), dotted, client or {}, temporary=folder is None
        )
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()
    finally:
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


def _answers(producer: Producer) -> bool:
    try:
        producer.init_transactions(2)
    except KafkaException as problem:
        if problem.args[0].fatal():
            raise Permanent(f"the broker refuses transactions: {problem.args[0].str()}") from None
        return False
    return True


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            raise Permanent(
                f"port {port} of {HOST} is taken or not allowed ({problem.strerror}): "
                "choose another one"
            ) from problem


LOOK_SECONDS = 0.5


def run_broker_in_foreground(folder: Path | None = None, port: int | None = None) -> None:
    """Print the bootstrap address as the first line, and wait for SIGINT, SIGTERM or SIGHUP.

    Raises what `local_broker` raises, and Permanent when the broker ends by itself.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants it to stay
            signal.signal(number, lambda *_: stop.set())
    with local_broker(folder, port) as broker:
        print(broker.bootstrap_servers, flush=True)
        while not stop.wait(LOOK_SECONDS):
            broker.require_running()
