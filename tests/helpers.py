"""Small things that several integration tests need."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Returns as soon as it is true; fails when that takes longer than `seconds`.

    A look that takes long, as one at a whole topic does, is taken less often.
    """
    began = time.monotonic()
    deadline = began + seconds
    while not true():
        looked = time.monotonic()
        assert looked < deadline, f"it did not happen in {seconds:.0f} s"
        time.sleep(min(1, max(0.05, 2 * (looked - began))))
        began = time.monotonic()


def is_ready(port: int) -> bool:
    """What the worker whose probes are at this port says of itself."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as refusal:
        with refusal:
            return False
