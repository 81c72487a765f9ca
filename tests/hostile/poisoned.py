"""`python -m hostile.poisoned`: a stylize worker whose process one photo ends, $POISON."""

from __future__ import annotations

import os
import signal
import threading

from workers import stylize
from workers.settings import load_settings
from workers.telemetry import Health, configure_logging


def main() -> None:
    """Work until SIGTERM, or until the photo comes."""
    poison, loader = os.environ.pop("POISON"), stylize.photo_loader

    def deadly_loader(*given):
        load = loader(*given)

        def load_or_die(uri):
            if uri == poison:
                os.abort()
            return load(uri)

        return load_or_die

    stylize.photo_loader = deadly_loader
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = load_settings()
    configure_logging(settings.log)
    stylize.run_stylize(settings, Health(), stop)


if __name__ == "__main__":
    main()
