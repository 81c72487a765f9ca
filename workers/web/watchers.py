"""Who waits for which shopper's list: open pages, each with an event of the loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Watchers:
    """Open pages by shopper. Used by the event loop's thread alone."""

    def __init__(self) -> None:
        self.closed = False
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def watch(self, *user_ids: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of these shoppers' lists changes."""
        changed = asyncio.Event()
        for user_id in user_ids:
            self._waiting[user_id].add(changed)
        try:
            yield changed
        finally:
            for user_id in user_ids:
                self._waiting[user_id].discard(changed)
                if not self._waiting[user_id]:
                    del self._waiting[user_id]

    def notify(self, user_ids: Iterable[str]) -> None:
        """These lists have changed."""
        for user_id in user_ids:
            for changed in self._waiting.get(user_id, ()):
                changed.set()

    def close(self) -> None:
        """The server stops: let every page go."""
        self.closed = True
        self.notify(list(self._waiting))
