"""Input records to events; what cannot be decoded becomes a dead letter at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from schemas.codec import InvalidEvent, decode
from workers.dead_letter import dead_letter
from workers.records import Output, Record

Event = TypeVar("Event", bound=msgspec.Struct)


def decode_records(
    records: Sequence[Record], event_type: type[Event]
) -> tuple[list[tuple[Record, Event]], list[Output]]:
    """The records with their events, in order, and the dead letters of the others."""
    decoded, dead = [], []
    for record in records:
        try:
            decoded.append((record, decode(event_type, record.value)))
        except InvalidEvent as problem:
            dead.append(dead_letter(record, "decode", problem))
    return decoded, dead
