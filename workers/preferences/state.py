"""The shoppers' states of the partitions that this instance owns; their topic is their home.

Changes of a batch are kept apart until its transaction is committed, and dropped when it is not.

A state record says in its headers up to which offset its feedback partition was applied, and of
which topic, by id: one that was deleted and created again begins at 0 and is another. Of a
partition that is read from further back (a group whose offsets were reset), what lies up to there
is passed over.

Tombstones among the feedback: a shopper is to be forgotten, in order with the shopper's events.

The shopper's state and list get tombstones in the batch's transaction, before what later events of
the same batch bring. What the shops' counts of popularity took from the shopper stays: they name
nobody.

A batch's feedback and tombstones, applied to the states of its shoppers: each shopper once.

Python's garbage collector beside much that lives long: what a worker tells it.

Reference counts free all that a batch makes; the collector is there for cycles alone. Left as it
is, it looks through the young of every batch time and again, and now and then through every
shopper's state, and the batch in hand waits for it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import TopicPartition
from msgspec.structs import replace

from schemas.cloudevents import Headers
from schemas.codec import InvalidEvent, decode, decode_id
from schemas.events import Feedback, UserState
from schemas.topics import RECOMMENDATIONS, USER_STATES
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply_all, empty
from workers.kafka.dead_letters import dead_letter
from workers.kafka.records import Misplaced, Output, Record, check_partition, tombstone
from workers.kafka.table import TableReader
from workers.kafka.topics import topic_name
from workers.preferences.outputs import Touched
from workers.settings import Settings
from workers.telemetry import log

APPLIED_TOPIC = "stylecast.applied.topic.id"
APPLIED_OFFSET = "stylecast.applied.offset"
LONGEST_OFFSET = 19
"""Digits of 2^63."""
NOTHING = -1


class UserStates:
    """States by partition number and user; partition numbers are those of the feedback."""

    def __init__(self, settings: Settings, feedback_id: str = "") -> None:
        """`feedback_id` is the id of the feedback topic, as the cluster gives it."""
        self._settings = settings
        self._feedback_id = feedback_id
        self._applied: dict[int, int] = {}
        """By partition, the offset up to which its states have it; until something beyond comes."""
        self._reached: dict[int, int] = {}
        """By partition, the last offset of the batch in hand."""
        self._kept: dict[int, dict[str, UserState]] = {}
        self._changed: dict[tuple[int, str], UserState] = {}

    def restore(
        self, numbers: Iterable[int], stop: threading.Event
    ) -> dict[int, dict[str, UserState]]:
        """Read these partitions to their end; the states by partition. Raises Transient."""
        topic = topic_name(self._settings, USER_STATES)
        last: dict[int, Record] = {}
        states = read_states(self._settings, topic, list(numbers), stop, last)
        self.own(states)
        for number, record in last.items():
            offset = _applied_offset(record, self._feedback_id)
            if offset is not None:
                self._applied[number] = offset
        return states

    def own(self, states: dict[int, dict[str, UserState]]) -> None:
        """Take over partitions with these states."""
        self._kept |= states

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget partitions that another instance owns now."""
        gone = set(numbers)
        self._kept = {number: kept for number, kept in self._kept.items() if number not in gone}
        for number in gone:
            self._applied.pop(number, None)

    @property
    def owns_any(self) -> bool:
        """Whether this instance owns a partition."""
        return bool(self._kept)

    def owns(self, number: int) -> bool:
        """Whether this instance owns the partition."""
        return number in self._kept

    def unapplied(self, records: Sequence[Record]) -> Sequence[Record]:
        """The feedback of a batch that the states do not have yet."""
        self._reached = {record.partition: record.offset for record in records}
        if not self._applied:
            return records
        left = [
            record
            for record in records
            if record.offset > self._applied.get(record.partition, NOTHING)
        ]
        if len(left) < len(records):
            log.info("records_already_applied", count=len(records) - len(left))
        return left

    def applied_headers(self, number: int) -> Headers:
        """The headers of a state record of the batch in hand: up to where its partition is
        applied with it.
        """
        offset = str(self._reached[number]).encode()
        return [(APPLIED_TOPIC, self._feedback_id.encode()), (APPLIED_OFFSET, offset)]

    def places(self, numbers: Iterable[int] | None = None) -> list[tuple[int, str]]:
        """Partition and user of every state kept, of these partitions or of all."""
        wanted = self._kept.keys() if numbers is None else numbers
        return [(number, user_id) for number in wanted for user_id in self._kept.get(number, {})]

    def known(self, number: int, user_id: str) -> UserState | None:
        """The state as it was last committed; None where there is none or it is not ours."""
        return self._kept.get(number, {}).get(user_id)

    def is_in_hand(self, number: int, user_id: str) -> bool:
        """Whether the batch in hand has changed the state."""
        return (number, user_id) in self._changed

    def of(self, number: int, user_id: str) -> UserState:
        """The user's state, with the changes of the batch in hand."""
        place = (number, user_id)
        return self._changed.get(place) or self._kept[number].get(user_id) or empty(user_id)

    def put(self, number: int, state: UserState) -> None:
        """Change a user's state within the batch in hand."""
        self._changed[number, state.user_id] = state

    def commit(self) -> None:
        """The batch is committed; of a shopper whose state is empty nothing is kept."""
        for (number, user_id), state in self._changed.items():
            if not state.interactions and state == empty(user_id):
                self._kept[number].pop(user_id, None)
            else:
                self._kept[number][user_id] = state
        self._changed.clear()
        # What is beyond was never applied: whatever lies before it now is another topic's.
        for number, offset in self._reached.items():
            if offset > self._applied.get(number, NOTHING):
                self._applied.pop(number, None)
        self._reached = {}

    def abort(self) -> None:
        """The batch comes again."""
        self._changed.clear()
        self._reached = {}


def read_states(
    settings: Settings,
    topic: str,
    numbers: list[int],
    stop: threading.Event,
    last: dict[int, Record] | None = None,
) -> dict[int, dict[str, UserState]]:
    """The states of the topic's partitions. Raises Transient where the broker is away.

    The last record of each partition is entered in `last`.
    """
    states: dict[int, dict[str, UserState]] = {number: {} for number in numbers}
    reader = TableReader(settings, [TopicPartition(topic, number) for number in numbers])
    try:
        for record in reader.read_to_end(stop):
            take_state(record, states[record.partition])
            if last is not None:
                last[record.partition] = record
    finally:
        reader.close()
    return states


def _applied_offset(record: Record, feedback_id: str) -> int | None:
    """Up to where a state record says that its partition was applied; None where it is of another
    topic or says nothing.
    """
    headers = dict(record.headers)
    offset = headers.get(APPLIED_OFFSET, b"")
    is_ours = headers.get(APPLIED_TOPIC) == feedback_id.encode()
    return int(offset) if is_ours and offset.isdigit() and len(offset) <= LONGEST_OFFSET else None


def take_state(record: Record, states: dict[str, UserState]) -> None:
    """Enter a record of the state topic; one that cannot be read is told and left out."""
    user_id = (record.key or b"").decode(errors="replace")
    if record.value is None:
        states.pop(user_id, None)
        return
    try:
        states[user_id] = decode(UserState, record.value)
    except InvalidEvent as problem:
        log.error("state_lost", partition=record.partition, offset=record.offset, why=str(problem))


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
            elsewhere = check_partition(record, user_id, partitions)
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


OBJECTS = 100_000
"""More made than freed between two collections: above what a batch holds while it is worked on."""


def collect_seldom() -> None:
    """From now on a collection waits for OBJECTS more; the process's own setting."""
    gc.set_threshold(OBJECTS)


@contextmanager
def settled() -> Iterator[None]:
    """What is made within is not looked through while it grows, and, with all there is, never."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
