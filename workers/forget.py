"""Tombstones among the feedback: a shopper is to be forgotten, in order with the shopper's events.

The shopper's state and list get tombstones in the batch's transaction, before what later events of
the same batch bring. What the shops' counts of popularity took from the shopper stays: they name
nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from schemas.cloudevents import Headers
from schemas.codec import InvalidEvent, decode_id
from schemas.topics import RECOMMENDATIONS, USER_STATES
from workers.kafka.dead_letters import dead_letter
from workers.kafka.records import Misplaced, Output, Record, forwarded, tombstone
from workers.settings import Settings

Forgotten = tuple[Record, str]
"""A tombstone and the shopper whom it forgets."""


def wanted_forgotten(
    records: Sequence[Record], partitions: int, outputs: list[Output]
) -> list[Forgotten]:
    """The tombstones in their place; dead letters and what is forwarded join the outputs."""
    forgotten = []
    for record in records:
        if record.value is not None:
            continue
        try:
            user_id = decode_id(record.key)
            elsewhere = forwarded(record, user_id, partitions)
        except InvalidEvent as problem:
            outputs.append(dead_letter(record, "decode", problem))
        except Misplaced as problem:
            outputs.append(dead_letter(record, "check", problem))
        else:
            if elsewhere is None:
                forgotten.append((record, user_id))
            else:
                outputs.append(elsewhere)
    return forgotten


def forgetting(
    settings: Settings,
    forgotten: Sequence[Forgotten],
    applied_headers: Callable[[int], Headers],
) -> list[Output]:
    """The tombstones of state, with the `applied_headers` of its partition, and list."""
    outputs = []
    for record, user_id in forgotten:
        key, number = user_id.encode(), record.partition
        state = tombstone(settings, USER_STATES, key, record, number)
        outputs.append(replace(state, headers=state.headers + applied_headers(number)))
        outputs.append(tombstone(settings, RECOMMENDATIONS, key, record, number))
    return outputs
