"""Faust's connection to Kafka, without the hole that Faust 0.15 leaves between restore and work.

Its fetcher asks for records of the partitions that are active, and means all of them when none is.
After a restore it pauses the changelogs a moment before it resumes the inputs: a request that is
under way then brings records of the inputs, which nobody takes. Going back to the committed
offsets brings them again, but not where nothing is committed yet: the first records of a partition
would wait for the next restart, or for ever when one after them is committed first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers.aiokafka import Consumer, Transport


class RereadingConsumer(Consumer):  # type: ignore[misc]  # Faust is not typed
    """Goes back to the beginning where nothing is committed."""

    async def seek_to_committed(self) -> Mapping[Any, int | None]:
        """Where each partition is committed, or None."""
        committed: Mapping[Any, int | None] = await super().seek_to_committed()
        new = [
            place
            for place, offset in committed.items()
            if offset is None and not self._is_changelog_tp(place)
        ]
        if new:
            await self._thread.call_thread(self._to_beginning, new)
        return committed

    async def _to_beginning(self, places: list[Any]) -> None:
        await self._thread._ensure_consumer().seek_to_beginning(*places)  # noqa: SLF001 (no other way)


class RereadingTransport(Transport):  # type: ignore[misc]  # Faust is not typed
    """With the consumer above."""

    Consumer = RereadingConsumer
