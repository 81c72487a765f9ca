"""Feedback that lies elsewhere than its shopper's owner reads: it is sent on to where it belongs.

Clients that partition by another hash, or key by another field, would give a shopper two owners.
"""

from __future__ import annotations

from schemas.cloudevents import header
from stylecore.errors import Permanent
from workers.partitioner import partition_of
from workers.records import Output, Record, input_headers

FORWARDED_FROM = "stylecast.forwarded.from"
"""Header of a forwarded record: topic/partition/offset where it lay."""


class Misplaced(Permanent):
    """The feedback was forwarded before, and is still not where its key belongs."""


def forwarded(record: Record, user_id: str, partitions: int) -> Output | None:
    """The record for the partition of its shopper, as Java's partitioner chooses it.

    None where the record lies there with the shopper as its key. A record is forwarded once:
    raises Misplaced where that was done, for two owners that do not agree would go on for ever.
    """
    key = user_id.encode()
    wanted = partition_of(key, partitions)
    if record.key == key and record.partition == wanted:
        return None
    headers = record.headers
    before = header(headers, FORWARDED_FROM)
    if before is not None:
        raise Misplaced(
            f"forwarded from {before.decode(errors='replace')} and still in partition "
            f"{record.partition} of {partitions}, not in {wanted}: do all workers know the same "
            "number of partitions?"
        )
    place = f"{record.topic}/{record.partition}/{record.offset}"
    return Output(
        topic=record.topic,
        key=key,
        value=record.value,
        headers=[*headers, (FORWARDED_FROM, place.encode()), *input_headers(record)],
        partition=wanted,
        timestamp_ms=record.timestamp_ms,
    )
