"""What the states must be: an offline replay of the feedback topic, record by record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from schemas.codec import InvalidEvent, decode, encode
from schemas.events import Feedback, UserState
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply, empty
from workers.kafka.records import Record

Place = tuple[int, int]
"""Partition and offset of a feedback record."""


class Replay(Struct):
    """What came of the records: the last state of each shopper and every state on the way."""

    states: dict[bytes, bytes]
    history: dict[bytes, set[bytes | None]]
    """Every value that a shopper's state had; None after it was forgotten."""
    dead: set[Place]
    """Records that had to become dead letters."""
    shopper_of: dict[Place, bytes]
    """Of the records that are neither bad nor repeated."""


def replay(records: Iterable[Record], products: set[str], rules: Rules) -> Replay:
    """Apply the records in the order of each partition; the catalogue holds these products."""
    states: dict[str, UserState] = {}
    history: dict[bytes, set[bytes | None]] = defaultdict(set)
    found = Replay({}, history, set(), {})
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        place = (record.partition, record.offset)
        user_id = (record.key or b"").decode()
        if record.value is None:
            states.pop(user_id, None)
            history[user_id.encode()].add(None)
            found.shopper_of[place] = user_id.encode()
            continue
        try:
            event = decode(Feedback, record.value)
        except InvalidEvent:
            found.dead.add(place)
            continue
        if event.product_id not in products:
            found.dead.add(place)
            continue
        before = states.get(user_id) or empty(user_id)
        after = apply(before, event, record.at, rules)
        if after is not before:
            states[user_id] = after
            history[user_id.encode()].add(encode(after))
            found.shopper_of[place] = user_id.encode()
    found.states = {user_id.encode(): encode(state) for user_id, state in states.items()}
    return found
