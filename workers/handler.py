"""What a transactional worker is made of: the part that knows what its records mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from confluent_kafka import TopicPartition

from workers.records import Output, Record


class Handler(Protocol):
    """What a worker does with its records. A new one is made for every session."""

    @property
    def topics(self) -> Sequence[str]:
        """The input topics, by their names on the cluster."""

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Restore what these partitions need; they are paused meanwhile."""

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop what belongs to these partitions."""

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Compute the results of a batch. Raises Transient where it shall come again."""

    def committed(self) -> None:
        """The batch is committed: make its changes in memory final."""

    def aborted(self) -> None:
        """The batch comes again: drop its changes in memory."""

    def idle(self) -> list[Output]:
        """Nothing came: what there is to write nevertheless."""

    def close(self) -> None:
        """The session has ended: end the handler's own connections."""
