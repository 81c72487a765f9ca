"""The local broker as a process: start, wait until it serves, restart, stop; in the foreground too.

It counts as started when it has given a producer its transactional id, so that the first
transaction of a worker finds the coordinator loaded.

Writing two small files replaces Kafka's StorageTool, a second JVM of two seconds:
meta.properties names the cluster, bootstrap.checkpoint finalises the features of Kafka 4.1
(metadata 4.1-IV1, group.version 1, transaction.version 2) and fits any node and cluster.
"""

from __future__ import annotations

import base64
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from stylecore.errors import Permanent, Transient
from workers.broker import keeper
from workers.broker.java import java_command, kafka_jars, keep_archive
from workers.broker.ports import free_port

HOST = "127.0.0.1"

SMALL = {
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": 16 * 2**20,
    "log.index.size.max.bytes": 2**20,
    "num.network.threads": 2,
    "num.io.threads": 4,
}
"""One node and few partitions: the internal topics are created when the first client comes."""


def properties_of(folder: Path, port: int, controller_port: int) -> dict[str, object]:
    """Return the broker's properties; its data is in `folder`/data."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": folder / "data",
        **SMALL,
    }


def format_data(folder: Path) -> None:
    """Make `folder`/data a formatted log folder, unless it is one."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    meta = data / "meta.properties"
    if meta.exists():
        return
    checkpoint = resources.files(__package__).joinpath("bootstrap.checkpoint").read_bytes()
    (data / "bootstrap.checkpoint").write_bytes(checkpoint)
    cluster_id = "-"
    while cluster_id.startswith("-"):  # as Kafka's Uuid.randomUuid
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    meta.write_text(f"version=1\ncluster.id={cluster_id}\nnode.id=1\n")


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
        path = folder / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in settled.items()))
        self._command = java_command(self._jars, path)

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
