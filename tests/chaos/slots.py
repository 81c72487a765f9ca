"""The processes of a storm, by slot: started, struck, kept running as an orchestrator would.

A slot is a worker and an instance, such as preferences-b. Only processes that were started here
are ever signalled, by their handles.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaos.plan import worker_of

from workers.broker.ports import free_port

STOP_SECONDS = 10.0
"""A graceful stop takes no longer, where the machine has nothing else to do."""
PATIENCE_SECONDS = 40.0
"""Whoever has not stopped by then hangs."""


@dataclass
class Slot:
    """A place for one process, and its folder of orders and logs."""

    name: str
    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    """Whether it is started again when it has ended."""

    @property
    def running(self) -> subprocess.Popen[bytes] | None:
        """Its process, if that lives."""
        return self.process if self.process is not None and self.process.poll() is None else None


@dataclass
class Slots:
    """All slots, with one environment; `counts` tells what was done to them."""

    environment: Mapping[str, str]
    folder: Path
    slots: dict[str, Slot] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    slowest_stop: float = 0.0

    def add(self, name: str) -> None:
        """A slot, whose process starts with the next `keep`."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        self.slots[name] = Slot(name, folder, free_port())

    def keep(self) -> None:
        """Start what ought to run and does not."""
        for slot in self.slots.values():
            if slot.wanted and slot.running is None:
                if slot.process is not None:
                    self._note_death(slot, slot.process.returncode)
                self._start(slot)

    def strike_at(self, name: str, action: str, point: str, seconds: float) -> bool:
        """Let the slot's process strike itself at a point; False where it did not come there."""
        order = self.slots[name].folder / "order"
        beside = order.with_suffix(".new")
        beside.write_text(f"{action} {point}")
        beside.replace(order)
        deadline = time.monotonic() + seconds
        while order.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            order.unlink()
        except FileNotFoundError:
            return True
        return False

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to the slot's process; False where none runs."""
        process = self.slots[name].running
        if process is not None:
            process.send_signal(number)
        return process is not None

    def end(self, name: str) -> None:
        """SIGTERM and wait: the batch in hand is finished or dropped whole, in time.

        The slot stays empty until it is wanted again.
        """
        slot = self.slots[name]
        slot.wanted = False
        process = slot.running
        if process is None:
            return
        process.terminate()
        started = time.monotonic()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.troubles.append(f"{name} did not stop within {PATIENCE_SECONDS:.0f} s")
            process.kill()
            process.wait()
        seconds = time.monotonic() - started
        self.slowest_stop = max(self.slowest_stop, seconds)
        self.counts["ends"] += 1
        self.counts[f"ends over {STOP_SECONDS:.0f} s"] += seconds > STOP_SECONDS

    def is_live(self, name: str) -> bool:
        """What the process says of itself; one that has just started says nothing yet."""
        address = f"http://127.0.0.1:{self.slots[name].port}/live"
        try:
            with urllib.request.urlopen(address, timeout=1):
                return True
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return False
        except OSError:
            return True

    def lines(self, file: str) -> Counter[str]:
        """The lines that the processes wrote of their points, counted."""
        found: Counter[str] = Counter()
        for slot in self.slots.values():
            path = slot.folder / file
            if path.exists():
                found.update(path.read_text().splitlines())
        return found

    def kill_all(self) -> None:
        """Whatever happened, nothing stays."""
        for slot in self.slots.values():
            if slot.running is not None:
                slot.running.kill()
                slot.running.wait()

    def _note_death(self, slot: Slot, status: int) -> None:
        if status == -signal.SIGKILL:
            self.counts["kills"] += 1
        elif worker_of(slot.name) == "planner" and status == 1:
            self.counts["planner ended at a start without a broker"] += 1  # Faust cannot wait then
        elif status not in (0, -signal.SIGTERM):  # SIGTERM may come before its handler is there
            self.troubles.append(f"{slot.name} ended with {status}")

    def _start(self, slot: Slot) -> None:
        _worker, _, instance = slot.name.partition("-")
        environment = {
            **os.environ,
            **self.environment,
            "CHAOS_FOLDER": str(slot.folder),
            "STYLECAST_WORKER__HTTP_PORT": str(slot.port),
        }
        command = [sys.executable, "-m", "chaos.worker", "run", worker_of(slot.name)]
        flags = ["--instance", instance, "--parent", str(os.getpid())]
        with (slot.folder / "log").open("ab") as log:
            slot.process = subprocess.Popen(
                command + flags,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.counts["starts"] += 1
