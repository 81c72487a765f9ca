"""`python -m chaos.ready [--shoppers N ...]`: how long a restarted owner takes, by its state.

A preferences worker that owns all partitions is killed and started again with the same name, so
that it keeps them. Counted is the time from its start to its first "ready"; an empty state shows
what the process itself takes. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

from chaos.owners import owners
from helpers import is_ready, wait_until

from schemas.topics import USER_STATES
from workers.broker import local_broker
from workers.kafka.table import TableReader, partitions_of

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SIZES = (0, 10_000, 100_000, 300_000)
PRODUCTS = 1000
PATIENCE_SECONDS = 300.0


def seconds_until_ready(bootstrap_servers: str, folder: Path, shoppers: int) -> tuple[float, float]:
    """Seconds from a restart to ready, and MiB of state as it lies in the topic."""
    from preferences_shop import open_shop

    name = f"ready-{shoppers}"
    shop = open_shop(bootstrap_servers, folder / name, name, shoppers, PRODUCTS)
    with owners(shop.environment, folder / name / "slots") as slots:
        slots.add("preferences-bench")
        slot = slots.slots["preferences-bench"]
        slots.keep()
        wait_until(lambda: _answers(slot.port), PATIENCE_SECONDS)
        assert slot.process is not None
        slot.process.kill()
        slot.process.wait()
        started = time.monotonic()
        slots.keep()
        wait_until(lambda: _answers(slot.port), PATIENCE_SECONDS)
        seconds = time.monotonic() - started
    reader = TableReader(shop.settings, partitions_of(shop.settings, [USER_STATES]))
    try:
        size = sum(len(record.value or b"") for record in reader.read_to_end(threading.Event()))
    finally:
        reader.close()
    return seconds, size / 2**20


def main() -> int:
    """A row a size."""
    parser = argparse.ArgumentParser(description="Time to be ready again, by size of the state.")
    parser.add_argument("--shoppers", type=int, nargs="*", default=SIZES)
    sys.path.insert(0, str(BENCHMARKS))
    print("| shoppers | state, MiB | seconds to ready |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        for shoppers in parser.parse_args().shoppers:
            found = seconds_until_ready(broker.bootstrap_servers, Path(folder), shoppers)
            print(f"| {shoppers:,} | {found[1]:.1f} | {found[0]:.1f} |", flush=True)
    return 0


def _answers(port: int) -> bool:
    try:
        return is_ready(port)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
