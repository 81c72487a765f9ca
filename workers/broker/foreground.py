"""`stylecast broker`: the local Kafka until someone says stop."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from workers.broker.process import local_broker

LOOK_SECONDS = 0.5


def run_broker_in_foreground(folder: Path | None = None, port: int | None = None) -> None:
    """Prints the bootstrap address as the first line and blocks until SIGINT, SIGTERM or SIGHUP.

    Raises what `local_broker` raises, and Permanent when the broker ends by itself.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants it to stay
            signal.signal(number, lambda *_: stop.set())
    with local_broker(folder, port) as broker:
        print(broker.bootstrap_servers, flush=True)
        while not stop.wait(LOOK_SECONDS):
            broker.require_running()
