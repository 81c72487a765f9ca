"""Input records to events; what cannot be decoded becomes a dead letter at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from schemas.codec import InvalidEvent, decode_all
from workers.dead_letter import dead_letter
from workers.records import Output, Record
from workers.telemetry import log

Event = TypeVar("Event", bound=msgspec.Struct)


def decode_records(
    records: Sequence[Record], event_type: type[Event]
) -> tuple[list[tuple[Record, Event]], list[Output]]:
    """The records with their events, in order, and the dead letters of the others."""
    decoded, dead = [], []
    found = decode_all(event_type, [record.value for record in records])
    for record, event in zip(records, found, strict=True):
        if isinstance(event, InvalidEvent):
            dead.append(dead_letter(record, "decode", event))
        else:
            decoded.append((record, event))
    return decoded, dead


def tell_passed_over(record: Record, problem: Exception) -> None:
    """A record of a topic that others own cannot be read: they keep it as a dead letter."""
    log.warning(
        "passed over",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        why=str(problem),
    )
