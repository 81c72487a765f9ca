"""Carries a plan out: strikes the slots and the broker when it is time."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from chaos.load import Load
from chaos.plan import SLOTS, Act, Storm, plan, worker_of
from chaos.slots import Slots

from stylecore.errors import Transient
from workers.broker import Broker

LOOK_SECONDS = 0.05
BROKER_STARTS = 4
THREADS = 12
"""Acts at a time."""
ORDER_SECONDS = 20.0
"""A process that does not come to its point in this time is struck where it is."""
LIVE_SECONDS = 5.0
DEAD_LOOKS = 3
"""A worker that says so often that it is not live is restarted, as Kubernetes does."""


class Conductor:
    """Of one storm; `counts` tells what was done."""

    def __init__(self, storm: Storm, broker: Broker, slots: Slots) -> None:
        self.counts: Counter[str] = Counter()
        self._storm = storm
        self._broker = broker
        self._slots = slots
        self._busy: set[str] = set()
        """Slots in the middle of an act."""
        self._begun: list[Future[None]] = []
        self._broker_lock = threading.Lock()
        self._random = random.Random(storm.seed + 1)
        self._dead_looks: Counter[str] = Counter()
        self._look_at = 0.0

    def storm(self, load: Load) -> None:
        """Everything of the plan, until the last act is over."""
        acts = plan(self._storm)
        started = time.monotonic()
        with ThreadPoolExecutor(THREADS, "acts") as executor:
            while acts or not all(act.done() for act in self._begun):
                seconds = time.monotonic() - started
                acts = [act for act in acts if act.at > seconds or not self._begin(act, executor)]
                self._slots.keep()
                self.look_whether_live()
                load.go_on(min(1.0, seconds / self._storm.seconds))
                time.sleep(LOOK_SECONDS)
        for act in self._begun:
            act.result()
        load.go_on(1.0)

    def look_whether_live(self) -> None:
        """Ask the workers from time to time, and kill who says no several times in a row."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LIVE_SECONDS
        for name in set(SLOTS) - self._busy:
            alive = self._slots.slots[name].running is None or self._slots.is_live(name)
            self._dead_looks[name] = 0 if alive else self._dead_looks[name] + 1
            if self._dead_looks[name] >= DEAD_LOOKS:
                self._dead_looks[name] = 0
                self._slots.signal(name, signal.SIGKILL)
                self.counts[f"not live {name}"] += 1

    def _begin(self, act: Act, executor: ThreadPoolExecutor) -> bool:
        """False where it has to wait, because nothing runs that it could strike."""
        if act.kind in {"restart", "crash"}:
            self._begun.append(executor.submit(self._restart, act))
            return True
        slot = self._free(act.slot)
        if slot is None:
            return False
        self._busy.add(slot)
        carry_out = self._end if act.kind in {"end", "rebalance"} else self._strike
        self._begun.append(executor.submit(carry_out, act, slot))
        return True

    def _end(self, act: Act, slot: str) -> None:
        """SIGTERM; a rebalance leaves the slot empty until others have its partitions."""
        self._slots.end(slot)
        if act.kind == "rebalance":
            time.sleep(act.away)
            self.counts["rebalances"] += 1
        self._slots.slots[slot].wanted = True
        self._busy.discard(slot)

    def _strike(self, act: Act, slot: str) -> None:
        """SIGKILL or SIGSTOP at the act's point, or where the process is if it does not come there.

        One that was stopped goes on after its time away.
        """
        action, number = (
            ("kill", signal.SIGKILL) if act.kind == "kill" else ("stop", signal.SIGSTOP)
        )
        if act.point is None or not self._slots.strike_at(slot, action, act.point, ORDER_SECONDS):
            self._slots.signal(slot, number)
            self.counts[f"{action} anywhere {worker_of(slot)}"] += 1
        if act.kind == "pause":
            time.sleep(act.away)
            self._slots.signal(slot, signal.SIGCONT)
            self.counts["pauses"] += 1
        self._busy.discard(slot)

    def _restart(self, act: Act) -> None:
        with self._broker_lock:
            if act.kind == "crash":
                os.kill(self._broker.pid, signal.SIGKILL)
            self._broker.stop()
            time.sleep(act.away)
            self._start_broker()
        self.counts["restarts"] += 1

    def _start_broker(self) -> None:
        """On a machine that is busy with other things a start may take longer than it may."""
        for _ in range(BROKER_STARTS - 1):
            try:
                return self._broker.start()
            except Transient:
                self.counts["slow starts of the broker"] += 1
        return self._broker.start()

    def _free(self, wanted: str) -> str | None:
        """The slot, or another one while nothing runs there or something is being done to it."""
        free = [
            name
            for name in SLOTS
            if name not in self._busy and self._slots.slots[name].running is not None
        ]
        if not free:
            return None
        return wanted if wanted in free else self._random.choice(free)
