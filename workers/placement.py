"""Whether feedback lies where its shopper's owner reads it: otherwise a shopper has two owners."""

from __future__ import annotations

from stylecore.errors import Permanent
from workers.partitioner import partition_of
from workers.records import Record


class Misplaced(Permanent):
    """The feedback's key is not its user, or its partition is not its key's."""


def misplaced(record: Record, user_id: str, partitions: int) -> Misplaced | None:
    """What is wrong with the record's key and partition, of as many; None where nothing is."""
    if record.key != user_id.encode():
        key = (record.key or b"").decode(errors="replace")
        return Misplaced(f"the record's key is {key!r}, its user_id {user_id!r}")
    wanted = partition_of(record.key, partitions)
    if record.partition != wanted:
        return Misplaced(
            f"partition {record.partition} is not that of the key, {wanted}: "
            "publish with the partitioner murmur2_random"
        )
    return None
