"""A Faust table whose changes can be waited for.

Faust sends a change to the changelog after it was made, and commits the record that caused it
whether or not the change has arrived: a kill between the two would forget a product for good.
"""

from __future__ import annotations

import asyncio
from typing import Any

import faust
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError


class KeptTable(faust.Table):  # type: ignore[misc]  # Faust is not typed
    """A table of bytes that knows which of its changes the broker does not have yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._under_way: dict[bytes, asyncio.Future[Any]] = {}

    def send_changelog(self, partition: int | None, key: bytes, *args: Any, **kwargs: Any) -> Any:
        """As Faust does it; the last change of a key is the one that counts.

        Raises KafkaError, before anything is changed, while the producer does not know the
        changelog's partitions: Faust cannot wait for that, and a refresh may have dropped them.
        """
        try:
            change = super().send_changelog(partition, key, *args, **kwargs)
        except TypeError as problem:  # aiokafka goes over partitions that it has as None
            raise UnknownTopicOrPartitionError("the changelog is not known yet") from problem
        self._under_way[key] = change
        return change

    async def kept(self) -> None:
        """Waits until the broker has every change; sends those again that it refused.

        Raises KafkaError after a refusal: whoever waits tries again, at its own pace.
        """
        while self._under_way:
            key, change = next(iter(self._under_way.items()))
            try:
                await asyncio.shield(change)
            except KafkaError:
                self._send_again(key)
                raise
            if self._under_way.get(key) is change:
                del self._under_way[key]

    def _send_again(self, key: bytes) -> None:
        if key in self:
            self.on_key_set(key, self[key])
        else:
            self.on_key_del(key)
