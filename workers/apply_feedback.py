"""A batch's feedback and tombstones, applied to the states of its shoppers: each shopper once."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events import Feedback
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply_all, empty
from workers.forget import Forgotten
from workers.kafka.records import Record
from workers.shopper_outputs import Touched
from workers.user_states import UserStates

Taken = tuple[Record, Feedback]


def apply_feedback(
    states: UserStates, taken: Sequence[Taken], forgotten: Sequence[Forgotten], rules: Rules
) -> list[Touched]:
    """The shoppers whose state has changed; `states` holds the changes until they are committed.

    Who is forgotten is so between the events of the partition, where the tombstone lies: what came
    before it in the batch is forgotten, too.
    """
    left_from: dict[tuple[int, str], int] = {}
    for record, user_id in forgotten:
        states.put(record.partition, empty(user_id))
        left_from[record.partition, user_id] = record.offset
    by_shopper: dict[tuple[int, str], list[Taken]] = {}
    for step in taken:
        record, event = step
        shopper = (record.partition, event.user_id)
        if record.offset >= left_from.get(shopper, 0):
            by_shopper.setdefault(shopper, []).append(step)
    touched = []
    for (number, user_id), own in by_shopper.items():
        before = states.of(number, user_id)
        after, changed, acted = apply_all(
            before, [(event, record.at) for record, event in own], rules
        )
        if changed is not None:
            states.put(number, after)
            record, event = own[changed if acted is None else acted]
            touched.append(Touched(record, event, after, acted=acted is not None))
    return touched
