"""How many new products a second the planner plans: published at once, planned by one process.

`python tests/benchmarks/bench_planning.py [--products 20000 40000] [--code FOLDER...]` starts a
broker and, for each count and each folder of code (another checkout, to compare with), a planner
that waits for its products. It prints seconds from the first product to the last commit, products
a second, and the planner's processor time a product.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psutil  # noqa: E402
from generators import write_generator  # noqa: E402
from helpers import wait_until  # noqa: E402
from planner_driver import PlannerDriver, product, read_all  # noqa: E402

from schemas.topics import JOBS, PRODUCTS  # noqa: E402
from schemas.types import EPOCH  # noqa: E402
from workers.broker import local_broker  # noqa: E402
from workers.broker.ports import free_port  # noqa: E402
from workers.kafka.clients import producer  # noqa: E402
from workers.kafka.records import output_of  # noqa: E402
from workers.kafka.topics import apply_topics, group_id  # noqa: E402
from workers.kafka.transaction import produce  # noqa: E402
from workers.lag import collect_lag  # noqa: E402
from workers.settings import load_settings  # noqa: E402

STYLES = ["ink-line", "neon", "pop-art", "pastel", "van-gogh", "ukiyo-e", "vintage", "watercolour"]
PATIENCE_SECONDS = 3600.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, nargs="+", default=[20_000, 40_000])
    parser.add_argument("--code", type=Path, nargs="+", default=[ROOT])
    options = parser.parse_args()
    print("| code | products | seconds | products a second | us of the processor a product |")
    print("|---|---|---|---|---|")
    with local_broker() as broker:
        for count in options.products:
            for code in options.code:
                seconds, cpu = measured(broker.bootstrap_servers, code, count)
                print(
                    f"| {code} | {count} | {seconds:.1f} | {count / seconds:.0f} "
                    f"| {cpu / count * 1e6:.0f} |",
                    flush=True,
                )


def measured(bootstrap_servers: str, code: Path, count: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor to plan `count` new products."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        given = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "STYLECAST_KAFKA__TOPIC_PREFIX": f"b{secrets.token_hex(4)}.",
            "STYLECAST_STORE__URI": f"{folder}/store",
            "STYLECAST_STYLIZE__MODEL": str(write_generator(Path(folder) / "model", STYLES)),
            "STYLECAST_WORKER__HTTP_PORT": str(port),
            "STYLECAST_LOG__LEVEL": "error",
            "PYTHONPATH": str(code),
        }
        os.environ.update(given)
        settings = load_settings()
        apply_topics(settings, 4)
        with PlannerDriver(settings, {**os.environ, "PYTHONSAFEPATH": "1"}, port) as planner:
            process = psutil.Process(planner.process.pid)
            before = sum(process.cpu_times()[:2])
            started = time.monotonic()
            client = producer(settings)
            for number in range(count):
                event = product(
                    f"product-{number:07d}", title="A mug of stoneware", brand="Stylecast"
                )
                produce(client, output_of(settings, PRODUCTS, event, source="/bench", now=EPOCH))
                client.poll(0)
            assert client.flush(60) == 0
            wait_until(lambda: lag(settings) == 0, PATIENCE_SECONDS)
            seconds = time.monotonic() - started
            cpu = sum(process.cpu_times()[:2]) - before
        planned = {record.key for record in read_all(settings, JOBS.name)}
        assert len(planned) == count, f"{len(planned)} planned"
        return seconds, cpu


def lag(settings) -> int:
    """Of the planner's group; all that is not committed."""
    groups = {group.group: group.lag for group in collect_lag(settings)}
    return groups.get(group_id(settings, "planner"), 1)


if __name__ == "__main__":
    main()
