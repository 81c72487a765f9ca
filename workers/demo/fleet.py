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
    report: Callable[[str], None] | None = None
    """Called when a worker has ended and is restarted; without it that is an error."""
    _restarts: Restarts = field(default_factory=Restarts)

    def start(self, worker: str) -> None:
        """Start a worker, without waiting until it is ready."""
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
        """Restart a worker with these settings changed; an empty one is unset."""
        self.environment = {**self.environment, **environment}
        self.processes[worker].terminate()
        self.processes[worker].wait(STOP_SECONDS)
        self.start(worker)

    def wait_ready(self, worker: str) -> None:
        """Wait until the worker is ready. Raises StylecastError where it does not become so."""
        self.wait_until(
            lambda: self._says_yes(worker, "/ready"), f"{worker} is not ready", READY_SECONDS
        )

    def wait_until(
        self,
        is_true: Callable[[], bool],
        problem: str,
        seconds: float,
        turn: Callable[[], object] = lambda: time.sleep(0.1),
    ) -> None:
        """Call `turn` until `is_true`; workers that end are restarted meanwhile.

        Raises StylecastError with the problem after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not is_true():
            self.require_running()
            if time.monotonic() > deadline:
                raise StylecastError(f"{problem} within {seconds:.0f} s; {self.condition()}")
            turn()

    def require_running(self) -> None:
        """Restart workers that have ended, with back-off, and report it.

        Without `report`, raises StylecastError with the end of the log.
        """
        if (report := self.report) is not None:

            def on_end(worker: str, status: int, seconds: float) -> None:
                ended = f"{worker} ended with {status} ({self._log(worker)})"
                report(f"{ended}: it is started again in {seconds:.0f} s")

            self._restarts.revive(self.processes, self.start, on_end)
            return
        for worker, process in self.processes.items():
            if process.poll() is not None:
                lines = self._log(worker).read_text(errors="replace").splitlines()
                raise StylecastError(
                    f"{worker} ended with {process.returncode}: {' | '.join(lines[-3:])}"
                )

    def page(self, worker: str, path: str) -> bytes:
        """Return what the worker serves at a path. Raises OSError where it does not."""
        address = f"http://127.0.0.1:{self.ports[worker]}{path}"
        with urllib.request.urlopen(address, timeout=PAGE_SECONDS) as answer:
            return bytes(answer.read())

    def condition(self) -> str:
        """Return which workers are not live or not ready, for an error's text."""
        ill = [
            f"{worker} {path} says no ({self._log(worker)})"
            for worker in self.processes
            for path in ("/live", "/ready")
            if not self._says_yes(worker, path)
        ]
        return ", ".join(ill) or "every worker is live and ready"

    def stop(self) -> None:
        """Stop all workers gracefully; kill those that do not stop."""
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

    def _log(self, worker: str) -> Path:
        return self.logs / f"{worker}.log"


@contextmanager
def fleet(
    environment: Mapping[str, str], logs: Path, report: Callable[[str], None] | None = None
) -> Iterator[Fleet]:
    """Yield a fleet, and stop it at the end of the block."""
    running = Fleet(environment, logs, report=report)
    try:
        yield running
    finally:
        running.stop()


Advance = Callable[[int], None]


class Progress:
    """Prints where the demo is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def stage(self, name: str) -> None:
        """Print that a stage begins."""
        self._console.print(f"{time.monotonic() - self._started:6.1f} s  {name}", highlight=False)

    @contextmanager
    def bar(self, name: str, total: int) -> Iterator[Advance]:
        """Begin a stage of known length; yield what advances its bar."""
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
