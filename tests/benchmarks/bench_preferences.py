"""The preferences worker as a process on a real broker, beside the same job in Faust.

A shop of 5,000 products in nine styles, 64 factors and 100,000 shoppers with eleven products each
on average; shoppers and products of the events are drawn by 1/rank^0.8, with 4 (the row's), 20 and
no pictures seen for each action. Both sides restore the same states, read the same events (Faust
the first of them, for it is slow) and publish states and lists; Faust takes 2,000 at once, the
worker what lies there, up to its own bound. A rate is counted between two commits of the group,
after a warm-up; processor time is the process's own.
`python tests/benchmarks/bench_preferences.py` prints it.
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

import preferences_shop as shops
from confluent_kafka import TopicPartition
from preferences_shop import LOOK, SHELF, Shop, open_shop
from rows import Row, row

from schemas.topics import FEEDBACK
from workers.broker import local_broker
from workers.kafka.clients import commit_consumer
from workers.kafka.retry import until_answered
from workers.kafka.table import partitions_of
from workers.kafka.topics import group_id

SHOPPERS, PRODUCTS = 100_000, 5_000
WARM_UP, EVENTS, FAUST_EVENTS = 10_000, 100_000, 30_000
GOAL = 10
PATIENCE_SECONDS = 900
TICKS = os.sysconf("SC_CLK_TCK")

OURS = ("preferences", [sys.executable, "-m", "workers", "run", "preferences"])
FAUST = ("preferences-faust", [sys.executable, str(Path(__file__).parent / "faust_preferences.py")])

Side = tuple[str, list[str]]


@dataclass(frozen=True)
class Rate:
    """Events a second by the clock, processor microseconds an event, and the most memory."""

    events_per_second: float
    cpu_us: float
    peak_mib: int


def preferences_events_per_second() -> Row:
    """Events a second of one process, with LOOK pictures seen for each action; others beside it."""
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        pair = [
            open_shop(broker.bootstrap_servers, Path(folder), name, SHOPPERS, PRODUCTS)
            for name in ("ours", "faust")
        ]
        looks = (LOOK, SHELF, 0)
        rates = {look: _rates(pair, look, seed=11 + look) for look in looks}
    ours, faust = rates[LOOK]
    return row(
        "preferences_events_per_second",
        ours.events_per_second,
        "events/s",
        "the same job in Faust: take(2000), dictionary, no table, no transaction",
        faust.events_per_second,
        at_least=GOAL,
        by_pictures_an_action={look: _compared(*rates[look]) for look in looks},
    )


def _compared(ours: Rate, faust: Rate) -> Row:
    return {
        "value": round(ours.events_per_second),
        "baseline_value": round(faust.events_per_second),
        "ratio": round(ours.events_per_second / faust.events_per_second, 2),
        "cpu_us_per_event": [round(side.cpu_us, 1) for side in (ours, faust)],
        "ratio_of_cpu": round(faust.cpu_us / ours.cpu_us, 2),
    }


def _rates(pair: list[Shop], look: int, seed: int) -> tuple[Rate, Rate]:
    """Ours and Faust's, on the same events."""
    events = shops.click_stream(pair[0], look, WARM_UP + EVENTS, seed)
    return (
        measured_rate(pair[0], OURS, events),
        measured_rate(pair[1], FAUST, events[: WARM_UP + FAUST_EVENTS]),
    )


def measured_rate(shop: Shop, side: Side, events: list, warm_up: int = WARM_UP) -> Rate:
    """Publish all, start the process, and time it from the warm-up's commit to the last one."""
    before = _committed(shop, side)
    shops.publish_feedback(shop, events)
    with running(shop, side) as process:
        first = wait_for(shop, side, process, before + warm_up)
        last = wait_for(shop, side, process, before + len(events))
        peak = peak_mib(process.pid)
    done = last[0] - first[0]
    return Rate(done / (last[1] - first[1]), (last[2] - first[2]) / done * 1e6, peak)


@contextmanager
def running(shop: Shop, side: Side) -> Iterator[subprocess.Popen]:
    """One side's process, with its log in the shop's folder."""
    log = shop.folder / f"{side[0]}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            side[1], env={**os.environ, **shop.environment}, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(
    shop: Shop, side: Side, process: subprocess.Popen, events: int
) -> tuple[int, float, float]:
    """Events committed, time and processor seconds as soon as so many are committed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with _committed_by(shop, side) as committed:
        while (done := committed()) < events:
            if process.poll() is not None or time.monotonic() > deadline:
                end = (shop.folder / f"{side[0]}.log").read_text()[-2000:]
                raise SystemExit(f"{side[0]} did {done} of {events} events; its log ends: {end}")
            time.sleep(0.02)
    return done, time.perf_counter(), cpu_seconds(process.pid)


def _committed(shop: Shop, side: Side) -> int:
    with _committed_by(shop, side) as committed:
        return committed()


@contextmanager
def _committed_by(shop: Shop, side: Side):
    consumer = commit_consumer(shop.settings, group_id(shop.settings, side[0]))
    places, never = partitions_of(shop.settings, [FEEDBACK]), threading.Event()
    try:
        yield lambda: _sum(until_answered(lambda: consumer.committed(places, timeout=30), never))
    finally:
        consumer.close()


def _sum(places: list[TopicPartition]) -> int:
    return sum(max(place.offset, 0) for place in places)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, all its threads, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid: int) -> int:
    """The most memory that a process has held so far, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


FIGURES = {"preferences_events_per_second": preferences_events_per_second}


if __name__ == "__main__":
    for figure in FIGURES.values():
        print(json.dumps(figure()), flush=True)
