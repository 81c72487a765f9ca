"""Python's garbage collector beside much that lives long: what a worker tells it.

Reference counts free all that a batch makes; the collector is there for cycles alone. Left as it
is, it looks through the young of every batch time and again, and now and then through every
shopper's state, and the batch in hand waits for it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 100_000
"""More made than freed between two collections: above what a batch holds while it is worked on."""


def collect_seldom() -> None:
    """From now on a collection waits for OBJECTS more; the process's own setting."""
    gc.set_threshold(OBJECTS)


@contextmanager
def settled() -> Iterator[None]:
    """What is made within is not looked through while it grows, and, with all there is, never."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
