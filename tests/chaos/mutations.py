"""Ways to break the commit, each one rule: put into a worker's process, the storm must notice.

Each is a mistake that a person could make in workers.kafka.transaction, workers.kafka.loop or
workers.preferences.state, and that no single run without trouble would show.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Producer, TopicPartition

from workers.kafka import loop, transaction
from workers.kafka.records import Output, Record
from workers.kafka.table import TableReader
from workers.kafka.transaction import Aborted
from workers.preferences import state

_commit_batch = transaction.commit_batch


def offsets_before_results() -> None:
    """The offsets are committed first, the results in a transaction of their own."""

    def commit(
        producer: Producer, outputs: list[Output], offsets: list[TopicPartition], metadata: Any
    ) -> None:
        _commit_batch(producer, [], offsets, metadata)
        _commit_batch(producer, outputs, [], metadata)

    loop.commit_batch = commit


def produce_outside() -> None:
    """The results go out by a producer without transactions; only the offsets are in one."""
    plain: list[Producer] = []

    def commit(
        producer: Producer, outputs: list[Output], offsets: list[TopicPartition], metadata: Any
    ) -> None:
        for output in outputs:
            transaction.produce(plain[0], output)
        plain[0].flush(10)
        _commit_batch(producer, [], offsets, metadata)

    make = loop.transactional_producer

    def make_both(settings: Any, worker: str, told: Any) -> Producer:
        from workers.kafka.clients import producer

        plain[:] = [producer(settings)]
        return make(settings, worker, told)

    loop.transactional_producer = make_both
    loop.commit_batch = commit


def state_kept_after_abort() -> None:
    """The changes of an aborted batch stay in memory, and the batch comes again."""
    state.UserStates.abort = state.UserStates.commit  # type: ignore[method-assign]


def metadata_afresh() -> None:
    """A refused batch is sent again with the group's metadata as it is after the rebalance."""
    handle = loop.Session._commit

    def commit(session: Any, outputs: Any, offsets: Any, metadata: Any) -> None:
        try:
            handle(session, outputs, offsets, metadata)
        except Aborted:
            session._ownership.has_changed = False
            for _ in range(100):
                session._consumer.poll(0.1)
                if session._ownership.has_changed and session._consumer.assignment():
                    break
            handle(session, outputs, offsets, session._consumer.consumer_group_metadata())

    loop.Session._commit = commit  # type: ignore[method-assign]


def restore_skips_last() -> None:
    """The restore stops one record before the end of a partition."""

    class Short(TableReader):
        """Leaves out the last record of each partition."""

        def read_to_end(self, stop: threading.Event) -> Iterator[Record]:
            kept: dict[int, Record] = {}
            for record in super().read_to_end(stop):
                if record.partition in kept:
                    yield kept[record.partition]
                kept[record.partition] = record

    state.TableReader = Short  # type: ignore[misc]


MUTATIONS: dict[str, Callable[[], None]] = {
    "offsets before results": offsets_before_results,
    "produce outside the transaction": produce_outside,
    "state kept after an abort": state_kept_after_abort,
    "group metadata afresh after a rebalance": metadata_afresh,
    "restore skips the last record": restore_skips_last,
}
"""By the name of the mistake."""
