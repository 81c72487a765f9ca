"""A process that publishes a click stream on a schedule, as the storefronts of a shop do.

All records are made before the first is due: what a storefront's machines do is not to be paid by
the worker that is measured. Run with the shop's settings; it says "ready", is told on a line when
to start (seconds of the machine's monotonic clock), and says at its end how late it handed records
over (seconds: median and p99).
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from pathlib import Path

import numpy as np
import preferences_shop as shops
from preferences_shop import LOOK, SOURCE, Shop

from schemas.topics import FEEDBACK
from workers.kafka.records import Output, output_of
from workers.settings import load_settings

SLEEP_SECONDS = 0.002
"""Records that are due within so long of each other go together."""
LINGER_MS = 50
"""One publisher stands for many, and its broker has few cores: requests of few records would be the
broker's main work. What this adds counts.
"""


def main() -> None:
    """Make all, wait for the start, publish."""
    parser = argparse.ArgumentParser()
    for name in ("shoppers", "products", "count", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    given = parser.parse_args()
    settings = load_settings(kafka={"linger_ms": LINGER_MS})
    shop = Shop(settings, {}, Path(), given.shoppers, given.products)
    stream = shops.click_stream(shop, LOOK, given.count, given.seed)
    outputs = [
        output_of(shop.settings, FEEDBACK, event, source=SOURCE, now=event.occurred_at)
        for event in stream
    ]
    gc.freeze()
    print("ready", flush=True)
    late = _publish(shop, outputs, float(input()), given.rate)
    print(json.dumps(np.percentile(late, [50, 99]).round(4).tolist()), flush=True)


def _publish(shop: Shop, outputs: list[Output], start: float, rate: float) -> list[float]:
    """Seconds that each record was handed over after its time."""
    late = []
    with shops.publisher_of(shop) as publisher:
        for number, output in enumerate(outputs):
            due = start + number / rate
            if (wait := due - time.monotonic()) > SLEEP_SECONDS:
                time.sleep(wait)
            publisher.send_raw(output)
            late.append(max(0.0, time.monotonic() - due))
    return late


if __name__ == "__main__":
    main()
