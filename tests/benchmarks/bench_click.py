"""From a click to its shopper's list, read by someone else, at half of what one process can do.

First the preferences worker's own rate is measured (`bench_preferences`), then a steady stream of
half of it is published on a schedule. A click counts from its scheduled time, so that a publisher
held up makes the figure worse and not better, until a list that knows it has been read by a
read_committed consumer: the first list whose `caused_by` is this click or a later one. The same
stream through a process that only echoes actions tells how much of that is the machine's and
Kafka's.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
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
    measured_rate,
    running,
)
from preferences_shop import LOOK, Shop, open_shop
from rows import Row, row

from schemas.events import Feedback
from schemas.topics import FEEDBACK, RECOMMENDATIONS
from workers.broker import local_broker
from workers.table import TableReader, partitions_of

SECONDS, WARM_SECONDS, GOAL_SECONDS = 20, 4, 1.0
PATIENCE_SECONDS = 120
ECHO = ("preferences-echo", [sys.executable, str(Path(__file__).parent / "echo_preferences.py")])

Arrivals = dict[str, list[tuple[int, float]]]


class Cause(msgspec.Struct):
    """All that is read of a list."""

    user_id: str
    caused_by: str | None = None


def click_to_recommendation_p99() -> Row:
    """Seconds, with the median beside it."""
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        shop = open_shop(broker.bootstrap_servers, Path(folder), "click", SHOPPERS, PRODUCTS)
        events = shops.click_stream(shop, LOOK, WARM_UP + EVENTS, seed=11)
        full = measured_rate(shop, OURS, events).events_per_second
        ours = _latencies(shop, OURS, full / 2)
        echo = _latencies(_empty_shop(broker.bootstrap_servers, Path(folder)), ECHO, full / 2)
    p50, p99 = np.percentile(ours, [50, 99])
    return row(
        "click_to_recommendation_p99",
        float(p99),
        "s",
        "the goal of one second",
        GOAL_SECONDS,
        at_most=1,
        p50=round(float(p50), 4),
        worst=round(float(ours.max()), 4),
        echo_p50_p99=np.percentile(echo, [50, 99]).round(4).tolist(),
        clicks=len(ours),
        events_per_second=round(full / 2),
    )


def _empty_shop(bootstrap_servers: str, folder: Path) -> Shop:
    """Topics alone, for the echo knows no shoppers and products."""
    return open_shop(bootstrap_servers, folder, "echo", SHOPPERS, PRODUCTS, filled=False)


def _latencies(shop: Shop, side: Side, rate: float) -> np.ndarray:
    """Seconds of every action published after the warm-up. Raises SystemExit where one is lost."""
    events = shops.click_stream(shop, LOOK, int(rate * SECONDS), seed=13)
    arrivals: Arrivals = {}
    stop = threading.Event()
    with running(shop, side):
        reader = TableReader(shop.settings, partitions_of(shop.settings, [RECOMMENDATIONS]))
        for _ in reader.read_to_end(stop):
            pass
        watcher = threading.Thread(target=_watch, args=(reader, arrivals, stop))
        watcher.start()
        _publish_until_ready(shop, arrivals)
        start = time.monotonic()
        _publish(shop, events, start, rate)
        _wait_for_last(events, arrivals)
        stop.set()
        watcher.join()
        reader.close()
    first = int(WARM_SECONDS * rate)
    found = [
        _answered(arrivals.get(event.user_id, []), number) - start - number / rate
        for number, event in enumerate(events)
        if number >= first and event.kind != "impression"
    ]
    return np.array(found)


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


def _publish(shop: Shop, events: list[Feedback], start: float, rate: float) -> None:
    with shops.publisher_of(shop) as publisher:
        for number, event in enumerate(events):
            wait = start + number / rate - time.monotonic()
            if wait > 0.002:
                time.sleep(wait)
            publisher.send(FEEDBACK, event, datetime.now(UTC))


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
