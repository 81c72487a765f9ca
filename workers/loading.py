"""Pictures fetched for a worker, from the places that the settings allow, with patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from stylecore.errors import Transient
from stylecore.storage.fetch import NotFetchable, fetch, version
from stylecore.storage.store import Store
from workers.settings import Settings

Loaded = TypeVar("Loaded")

VERSION_SECONDS = 5.0
LAST_TRY_SECONDS = 1.0
"""For a picture whose turn comes when its batch's time is over."""


class FetchBudget:
    """The time in which all pictures of a batch must come. A handler that takes PROCESS_SECONDS
    of workers.kafka.loop is taken for one that hangs, and its batch would be begun again, for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """A batch begins."""
        self._deadline = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds, below 0 once the time is over."""
        return self._deadline - time.monotonic()


def version_reader(settings: Settings, store: Store) -> Callable[[str], str]:
    """Address to the version of the bytes there by a cheap question (storage.fetch.version).

    The result raises Permanent or Transient.
    """
    bounds = settings.photos
    return partial(
        version,
        allowed_prefixes=(*bounds.allowed_prefixes, store.uri),
        max_bytes=bounds.max_bytes,
        seconds=min(bounds.fetch_seconds, VERSION_SECONDS),
        networks=bounds.allowed_networks,
    )


def loader(
    settings: Settings,
    store: Store,
    stop: threading.Event,
    read: Callable[[bytes], Loaded],
    budget: FetchBudget | None = None,
) -> Callable[[str], Loaded]:
    """Address to what `read` makes of the bytes there.

    What is away is tried again until the budget is spent, without one for the patience of the
    settings, and at least once. The result raises Permanent, and Transient where `stop` is set
    meanwhile.
    """
    bounds = settings.photos
    prefixes = (*bounds.allowed_prefixes, store.uri)

    def load(uri: str) -> Loaded:
        time_left = budget or FetchBudget(bounds.patience_seconds)
        pause = 0.2
        while True:
            try:
                data = fetch(
                    uri,
                    allowed_prefixes=prefixes,
                    max_bytes=bounds.max_bytes,
                    seconds=min(bounds.fetch_seconds, max(time_left.left, LAST_TRY_SECONDS)),
                    networks=bounds.allowed_networks,
                )
                return read(data)
            except Transient as problem:
                if pause > time_left.left:
                    raise NotFetchable(f"given up: {problem}") from problem
                if stop.wait(pause):
                    raise
                pause = min(2 * pause, 10.0)

    return load
