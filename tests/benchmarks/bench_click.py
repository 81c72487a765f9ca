"""From a click to its shopper's list, read by someone else, at half of what one process can do.

First the preferences worker's own rate is measured (`bench_preferences`), then a steady stream of
half of it is published on a schedule, by a process of its own (`publish_stream`). A click counts
from its scheduled time, so that a publisher held up makes the figure worse and not better, until a
list that knows it has been read by a read_committed consumer: the first list whose `caused_by` is
this click or a later one. The same stream through a process that only echoes actions tells how much
of that is the machine's and Kafka's; how many cores each process took, and how late the publisher
was, tell what else there was to wait for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import preferences_shop as shops
from bench_preferences import (
    EVENTS,
    OURS,
    PRODUCTS,
    SHOPPERS,
    WARM_UP,
    Side,
    cpu_seconds,
    measured_rate,
    running,
)
from preferences_shop import LOOK, Shop, open_shop
from rows import Row, row

from schemas.events import Feedback
from schemas.topics import RECOMMENDATIONS
from workers.broker import local_broker
from workers.kafka.table import TableReader, partitions_of

SECONDS, WARM_SECONDS, GOAL_SECONDS = 20, 4, 1.0
START_SECONDS = 1.0
SEED = 13
PATIENCE_SECONDS = 120
ECHO = ("preferences-echo", [sys.executable, str(Path(__file__).parent / "echo_preferences.py")])

Arrivals = dict[str, list[tuple[int, float]]]


class Cause(msgspec.Struct):
    """All that is read of a list."""

    user_id: str
    caused_by: str | None = None


@dataclass(frozen=True)
class Run:
    """One stream through one side."""

    waited: np.ndarray
    """Seconds of every action published after the warm-up."""
    late: list[float]
    """Seconds that the publisher was behind its schedule: median and p99."""
    cores: dict[str, float]
    """Processor seconds a second of each process while the stream lasted."""

    def told(self) -> dict[str, object]:
        """For the row."""
        waited = np.percentile(self.waited, [50, 99]).round(4).tolist()
        return {"p50_p99": waited, "publisher_late_p50_p99": self.late, "cores": self.cores}


def click_to_recommendation_p99() -> Row:
    """Seconds, with the median beside it."""
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        shop = open_shop(broker.bootstrap_servers, Path(folder), "click", SHOPPERS, PRODUCTS)
        events = shops.click_stream(shop, LOOK, WARM_UP + EVENTS, seed=11)
        full = measured_rate(shop, OURS, events).events_per_second
        ours = _measured(shop, OURS, full / 2, broker.pid)
        empty = _empty_shop(broker.bootstrap_servers, Path(folder))
        echo = _measured(empty, ECHO, full / 2, broker.pid)
    return row(
        "click_to_recommendation_p99",
        float(np.percentile(ours.waited, 99)),
        "s",
        "the goal of one second",
        GOAL_SECONDS,
        at_most=1,
        worst=round(float(ours.waited.max()), 4),
        clicks=len(ours.waited),
        events_per_second=round(full / 2),
        **ours.told(),
        echo=echo.told(),
    )


def _empty_shop(bootstrap_servers: str, folder: Path) -> Shop:
    """Topics alone, for the echo knows no shoppers and products."""
    return open_shop(bootstrap_servers, folder, "echo", SHOPPERS, PRODUCTS, filled=False)


def _measured(shop: Shop, side: Side, rate: float, broker: int) -> Run:
    """Raises SystemExit where an action is not answered."""
    events = shops.click_stream(shop, LOOK, int(rate * SECONDS), SEED)
    arrivals: Arrivals = {}
    stop = threading.Event()
    with running(shop, side) as worker, _storefronts(shop, len(events), rate) as publisher:
        reader = TableReader(shop.settings, partitions_of(shop.settings, [RECOMMENDATIONS]))
        for _ in reader.read_to_end(stop):
            pass
        watcher = threading.Thread(target=_watch, args=(reader, arrivals, stop))
        watcher.start()
        _publish_until_ready(shop, arrivals)
        processes = {
            "worker": worker.pid,
            "broker": broker,
            "publisher": publisher.pid,
            "reader": os.getpid(),
        }
        start = time.monotonic() + START_SECONDS
        before = {name: cpu_seconds(pid) for name, pid in processes.items()}
        publisher.stdin.write(f"{start}\n")
        publisher.stdin.flush()
        time.sleep(start + SECONDS - time.monotonic())
        cores = {
            name: round((cpu_seconds(pid) - before[name]) / SECONDS, 3)
            for name, pid in processes.items()
        }
        late = json.loads(publisher.stdout.readline())
        _wait_for_last(events, arrivals)
        stop.set()
        watcher.join()
        reader.close()
    first = int(WARM_SECONDS * rate)
    waited = [
        _answered(arrivals.get(event.user_id, []), number) - start - number / rate
        for number, event in enumerate(events)
        if number >= first and event.kind != "impression"
    ]
    return Run(np.array(waited), late, cores)


@contextmanager
def _storefronts(shop: Shop, count: int, rate: float) -> Iterator[subprocess.Popen]:
    """A process that has the stream ready, and is told by a line when to start."""
    command = [sys.executable, str(Path(__file__).parent / "publish_stream.py")]
    command += ["--shoppers", str(shop.shoppers), "--products", str(shop.products)]
    command += ["--count", str(count), "--seed", str(SEED), "--rate", str(rate)]
    with subprocess.Popen(
        command,
        env={**os.environ, **shop.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            if process.stdout.readline() != "ready\n":
                raise SystemExit("the publisher did not start")
            yield process
        finally:
            process.kill()


def _publish_until_ready(shop: Shop, arrivals: Arrivals) -> None:
    """The worker has restored its states when a first click is answered."""
    (event,) = shops.click_stream(shop, 0, 1, seed=14)
    shops.publish_feedback(shop, [event])
    deadline = time.monotonic() + 120
    while event.user_id not in arrivals:
        if time.monotonic() > deadline:
            raise SystemExit("the preferences worker did not answer a first click")
        time.sleep(0.05)
    arrivals.clear()


def _wait_for_last(events: list[Feedback], arrivals: Arrivals) -> None:
    """Until the last action is answered, and a second for what comes beside it."""
    number, event = [pair for pair in enumerate(events) if pair[1].kind != "impression"][-1]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while all(caused_by < number for caused_by, _ in arrivals.get(event.user_id, [])):
        if time.monotonic() > deadline:
            raise SystemExit(f"event {number} was not answered in {PATIENCE_SECONDS} s")
        time.sleep(0.05)
    time.sleep(1)


def _watch(reader: TableReader, arrivals: Arrivals, stop: threading.Event) -> None:
    decoder = msgspec.json.Decoder(Cause)
    while not stop.is_set():
        for record in reader.wait(0.1):
            found = decoder.decode(record.value or b"{}")
            if found.caused_by is not None:
                number = int(found.caused_by.rpartition("-")[2])
                arrivals.setdefault(found.user_id, []).append((number, time.monotonic()))


def _answered(lists: list[tuple[int, float]], number: int) -> float:
    """When the first list came that knows the event of this number."""
    for caused_by, at in lists:
        if caused_by >= number:
            return at
    raise SystemExit(f"event {number} was not answered when the last one was")


FIGURES = {"click_to_recommendation_p99": click_to_recommendation_p99}


if __name__ == "__main__":
    print(json.dumps(click_to_recommendation_p99()), flush=True)
