"""`python tests/soak [--minutes N] [--output FOLDER]`: steady load on all workers as processes.

Shoppers click, a style changes every few seconds and is drawn anew for one product category,
posters are ordered, the trainer refits each minute. Memory, file handles and threads of each worker
and the lag of each group are sampled and written to `soak.json` and `soak.png`. Exit 1 where a
figure is not flat.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from load import Load
from picture import draw
from samples import Samples
from verdict import judge

from workers.broker import local_broker
from workers.demo.fleet import Fleet, fleet
from workers.kafka.topics import apply_topics
from workers.settings import Settings, load_settings

WORKERS = ("planner", "stylize", "preferences", "trainer", "lag", "posters", "web")
PARTITIONS = 4
SAMPLE_SECONDS = 2.0


def main() -> int:
    """Soak, write, and say whether it stayed flat."""
    parser = argparse.ArgumentParser(description="Steady load on all workers; is all flat?")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--events", type=float, default=20, help="Feedback events a second.")
    parser.add_argument("--output", type=Path, default=Path("output"))
    given = parser.parse_args()
    with _running() as (settings, running):
        found = soak(settings, running, given.minutes * 60, given.events)
    verdicts = judge(found)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "soak.json").write_text(
        json.dumps({"verdicts": verdicts, "samples": found.as_dict()}, indent=1) + "\n"
    )
    draw(found, given.output / "soak.png")
    for verdict in verdicts:
        print(json.dumps(verdict))
    flat = all(verdict["flat"] for verdict in verdicts)
    print(json.dumps({"flat": flat, "minutes": given.minutes, "load": found.load}))
    return 0 if flat else 1


def soak(settings: Settings, running: Fleet, seconds: float, events: float) -> Samples:
    """Load until the time is over; what was sampled meanwhile."""
    found = Samples({worker: process.pid for worker, process in running.processes.items()})
    with Load(settings, events) as load:
        started = time.monotonic()
        due = started
        while time.monotonic() < started + seconds:
            running.require_running()
            load.go_on(time.monotonic() - started)
            if time.monotonic() >= due:
                due += SAMPLE_SECONDS
                found.take(settings, time.monotonic() - started)
            time.sleep(0.02)
        found.load = load.counts | {"seconds": round(time.monotonic() - started, 1)}
    return found


@contextmanager
def _running() -> Iterator[tuple[Settings, Fleet]]:
    folder = Path(tempfile.mkdtemp(prefix="stylecast-soak-"))
    photos = str(Path(__file__).parents[2] / "deploy" / "samples" / "photos")
    try:
        with local_broker() as broker:
            settings = load_settings(
                kafka={"bootstrap_servers": broker.bootstrap_servers},
                store={"uri": str(folder / "store")},
            )
            apply_topics(settings, PARTITIONS)
            environment = {
                "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                "STYLECAST_STORE__URI": settings.store.uri,
                "STYLECAST_WORKER__INSTANCE": "soak",
                "STYLECAST_PHOTOS__ALLOWED_PREFIXES": json.dumps([photos]),
                "STYLECAST_PLANNER__GENERATOR_STYLES": '["ink-line"]',
                "STYLECAST_STYLIZE__THREADS": "1",
                "STYLECAST_TRAINER__REFIT_SECONDS": "60",
                "STYLECAST_WEB__PORT": "0",
            }
            with fleet(environment, folder / "logs") as running:
                for worker in WORKERS:
                    running.start(worker)
                    running.wait_ready(worker)
                yield settings, running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
