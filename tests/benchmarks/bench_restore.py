"""Restoring shoppers' states, as after a restart, beside a bare read of the same topic.

`python tests/benchmarks/bench_restore.py [--shoppers 1000000]` prints a row. Each side is a process
of its own, so that its peak memory is its own. States have eleven products on average.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from preferences_shop import open_shop
from rows import Row, row

from schemas.topics import USER_STATES
from workers.broker import local_broker
from workers.kafka.clients import table_consumer
from workers.kafka.table import partitions_of
from workers.kafka.topics import topic_name
from workers.preferences.state import gc_frozen, read_states
from workers.settings import load_settings

SHOPPERS = 1_000_000


def restore_rate(shoppers: int = SHOPPERS) -> Row:
    """States a second."""
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        shop = open_shop(broker.bootstrap_servers, Path(folder), "restore", shoppers, products=5000)
        bare, ours = (_in_a_process(side, shop.environment) for side in ("bare", "ours"))
    return row(
        "restore_rate",
        shoppers / ours["seconds"],
        "states/s",
        "a bare consumer of the same topic",
        shoppers / bare["seconds"],
        shoppers=shoppers,
        ours=ours,
        bare=bare,
    )


def _in_a_process(side: str, environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--side", side],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def measured(side: str) -> dict[str, float]:
    """Seconds by the clock and of the processor, MiB at the peak and before, records read."""
    settings = load_settings()
    places = partitions_of(settings, [USER_STATES])
    before, wall, cpu = _peak_mib(), time.perf_counter(), time.process_time()
    if side == "ours":
        topic, numbers = topic_name(settings, USER_STATES), [place.partition for place in places]
        with gc_frozen():
            states = read_states(settings, topic, numbers, threading.Event())
        count = sum(len(kept) for kept in states.values())
    else:
        count = _read_bare(table_consumer(settings), places)
    return {
        "count": count,
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "mib_before": round(before),
        "mib_peak": round(_peak_mib()),
    }


def _read_bare(consumer, places: list[TopicPartition]) -> int:
    """Every value is taken and dropped."""
    consumer.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in places])
    count, left = 0, len(places)
    while left:
        for message in consumer.consume(10_000, 0.2):
            if message.error() is None:
                count += message.value() is not None
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left -= 1
    consumer.close()
    return count


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the restoring of shoppers' states.")
    parser.add_argument("--shoppers", type=int, default=SHOPPERS)
    parser.add_argument("--side", choices=("ours", "bare"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    found = measured(given.side) if given.side else restore_rate(given.shoppers)
    print(json.dumps(found), flush=True)


FIGURES = {"restore_rate": restore_rate}


if __name__ == "__main__":
    main()
