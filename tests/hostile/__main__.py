"""`python -m hostile [--count N] [--records N]`: what anyone could send, by the thousand.

Mutants of photos through the decoder, then hostile records through each input's decoder and through
whole handlers, on a broker of its own. Prints the figures as JSON. Exit 1 where a photo crashed the
decoder or used up its time; a record that breaks a promise ends the run with its number to be seen
in the traceback.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from hostile.event_mutants import INPUTS
from hostile.fuzz_events import PARTITIONS, fuzz_events
from hostile.fuzz_handlers import HANDLED, fuzz_handler
from hostile.fuzz_pictures import fuzz_pictures

from workers.broker import local_broker
from workers.kafka.topics import apply_topics
from workers.settings import LogSettings, load_settings
from workers.telemetry import configure_logging


def main() -> int:
    """Fuzz, print, and say whether all went well."""
    parser = argparse.ArgumentParser(description="Hostile photos and records, by number.")
    parser.add_argument("--count", type=int, default=10_000, help="Mutants of photos.")
    parser.add_argument("--records", type=int, default=100_000, help="Of each input topic.")
    parser.add_argument("--first", type=int, default=0, help="Number of the first.")
    given = parser.parse_args()
    configure_logging(LogSettings(level="error"))
    pictures = fuzz_pictures(given.count, given.first)
    print(json.dumps({"pictures": pictures}), flush=True)
    for topic in INPUTS:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            found = fuzz_events(topic, given.records, Path(folder), given.first)
        seconds = round(time.monotonic() - started, 1)
        print(json.dumps({topic.name: {**found, "seconds": seconds}}), flush=True)
    with local_broker() as broker, tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        settings = load_settings(
            kafka={"bootstrap_servers": broker.bootstrap_servers}, store={"uri": f"{folder}/store"}
        )
        apply_topics(settings, PARTITIONS)
        for topic in HANDLED:
            started = time.monotonic()
            found = fuzz_handler(settings, topic, given.records, given.first)
            seconds = round(time.monotonic() - started, 1)
            print(json.dumps({f"{topic.name} handler": {**found, "seconds": seconds}}), flush=True)
    return 1 if pictures["crashed"] or pictures["slow"] else 0


if __name__ == "__main__":
    sys.exit(main())
