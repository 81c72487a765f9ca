"""`python -m hostile [--count N] [--records N]`: what anyone could send, by the thousand.

Mutants of photos through the decoder, then hostile records through each input's decoder. Prints
the figures as JSON. Exit 1 where a photo crashed the decoder or used up its time; a record that
breaks a promise ends the run with its number to be seen in the traceback.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from hostile.event_mutants import INPUTS
from hostile.fuzz_events import fuzz_events
from hostile.fuzz_pictures import fuzz_pictures

from workers.settings import LogSettings
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
    return 1 if pictures["crashed"] or pictures["slow"] else 0


if __name__ == "__main__":
    sys.exit(main())
