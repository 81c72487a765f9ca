"""Processes of the demo: a local Kafka and the workers; progress on a terminal or as plain lines.

Each worker watches its parent, so that all end with the demo.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from stylecore.errors import StylecastError
from workers.broker.ports import free_port
from workers.restarts import Restarts

READY_SECONDS = 90
STOP_SECONDS = 20
PAGE_SECONDS = 10


@dataclass
class Fleet:
    """Workers that run with one environment; each logs to a file of its own."""

    environment: Mapping[str, str]
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    tell: Callable[[str], None] | None = None
    """Hears of a worker that has ended and is started again; without it that is an error."""
    _restarts: Restarts = field(default_factory=Restarts)

    def start(self, worker: str) -> None:
        """Start a worker; `wait_ready` tells when it works."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.ports[worker] = free_port()
        environment = {
            **os.environ,
            **{name: value for name, value in self.environment.items() if value},
            "STYLECAST_WORKER__HTTP_PORT": str(self.ports[worker]),
        }
        with self._log(worker).open("ab" if worker in self.processes else "wb") as log:
            self.processes[worker] = subprocess.Popen(
                [sys.executable, "-m", "workers", "run", worker, "--parent", str(os.getpid())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._restarts.note_start(worker)

    def restart(self, worker: str, **environment: str) -> None:
        """The worker again, with these settings changed; an empty one is unset."""
        self.environment = {**self.environment, **environment}
        self.processes[worker].terminate()
        self.processes[worker].wait(STOP_SECONDS)
        self.start(worker)

    def wait_ready(self, worker: str) -> None:
        """Wait until the worker says that it works. Raises StylecastError where it does not."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._says_yes(worker, "/ready"):
            self.require_running()
            if time.monotonic() > deadline:
                raise StylecastError(
                    f"{worker} is not ready after {READY_SECONDS} s: {self._log(worker)}"
                )
            time.sleep(0.1)

    def require_running(self) -> None:
        """Restart workers that have ended, with back-off, where a caller takes the report.

        Else raises StylecastError, with the end of its log.
        """
        if self.tell is not None:
            self._restarts.revive(self.processes, self.start, self._tell_end)
            return
        for worker, process in self.processes.items():
            if process.poll() is not None:
                lines = self._log(worker).read_text(errors="replace").splitlines()
                raise StylecastError(
                    f"{worker} ended with {process.returncode}: {' | '.join(lines[-3:])}"
                )

    def page(self, worker: str, path: str) -> bytes:
        """What the worker serves there. Raises OSError where it does not."""
        address = f"http://127.0.0.1:{self.ports[worker]}{path}"
        with urllib.request.urlopen(address, timeout=PAGE_SECONDS) as answer:
            return bytes(answer.read())

    def condition(self) -> str:
        """Which workers are not live or not ready, for an error's text."""
        ill = [
            f"{worker} {path} says no ({self._log(worker)})"
            for worker in self.processes
            for path in ("/live", "/ready")
            if not self._says_yes(worker, path)
        ]
        return ", ".join(ill) or "every worker is live and ready"

    def stop(self) -> None:
        """End all workers gracefully; those that will not are killed and named."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def _says_yes(self, worker: str, path: str) -> bool:
        try:
            self.page(worker, path)
        except OSError:
            return False
        return True

    def _tell_end(self, worker: str, status: int, seconds: float) -> None:
        if self.tell is not None:
            ended = f"{worker} ended with {status} ({self._log(worker)})"
            self.tell(f"{ended}: it is started again in {seconds:.0f} s")

    def _log(self, worker: str) -> Path:
        return self.logs / f"{worker}.log"


@contextmanager
def fleet(
    environment: Mapping[str, str], logs: Path, tell: Callable[[str], None] | None = None
) -> Iterator[Fleet]:
    """A fleet that is stopped when the block is left."""
    running = Fleet(environment, logs, tell=tell)
    try:
        yield running
    finally:
        running.stop()


Told = Callable[[int], None]


class Progress:
    """Tells where the demo is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._console.print(f"{time.monotonic() - self._started:6.1f} s  {name}", highlight=False)

    @contextmanager
    def bar(self, name: str, total: int) -> Iterator[Told]:
        """A stage whose end is known; the block tells each advance."""
        self.stage(f"{name} ({total})")
        columns = (
            TextColumn("          {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        shown = self._console.is_terminal
        with RichProgress(
            *columns, console=self._console, transient=True, disable=not shown
        ) as rich:
            task = rich.add_task(name, total=total)
            yield lambda count: rich.advance(task, count)
