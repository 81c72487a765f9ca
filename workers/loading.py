"""Pictures fetched for a worker, from the places that the settings allow, with patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from stylecore.errors import Transient
from stylecore.fetch import NotFetchable, fetch
from stylecore.store import Store
from workers.settings import Settings

Loaded = TypeVar("Loaded")


def loader(
    settings: Settings, store: Store, stop: threading.Event, read: Callable[[bytes], Loaded]
) -> Callable[[str], Loaded]:
    """Address to what `read` makes of the bytes there.

    What is away is tried again for the patience of the settings. The result raises Permanent, and
    Transient where `stop` is set meanwhile.
    """
    bounds = settings.photos
    prefixes = (*bounds.allowed_prefixes, store.uri)

    def load(uri: str) -> Loaded:
        deadline = time.monotonic() + bounds.patience_seconds
        pause = 0.2
        while True:
            try:
                data = fetch(
                    uri,
                    allowed_prefixes=prefixes,
                    max_bytes=bounds.max_bytes,
                    seconds=bounds.fetch_seconds,
                    networks=bounds.allowed_networks,
                )
                return read(data)
            except Transient as problem:
                if time.monotonic() + pause > deadline:
                    raise NotFetchable(f"given up: {problem}") from problem
                if stop.wait(pause):
                    raise
                pause = min(2 * pause, 10.0)

    return load
