"""The shoppers' states of this instance's partitions, and how a batch changes them.

The topic preferences.users.v1 is their home: `UserStates.restore` reads a partition's states when
it is assigned. Changes of a batch are kept apart until its transaction commits.

A state record's headers say up to which offset its feedback partition was applied, and of which
topic, by id, since one that is created again begins at 0. Where a partition is read from further
back (a group whose offsets were reset), records up to that offset are skipped.

They also hold the list that the shopper has (`stylecore.recommender.shelf`): beside the state and
not in it, since a list depends on the catalogue of its time, and states replay byte for byte.

A tombstone among the feedback deletes its shopper, in order with the shopper's events: state and
list get tombstones in the batch's transaction, before the results of later events of the batch.
What popularity has counted of the shopper stays; it contains no names.

Python's garbage collector is kept from walking through the states again and again: reference counts
free all that a batch makes, and a collection would stop the batch in hand.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

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
SHELF = "stylecast.shelf"
LONGEST_OFFSET = 19
"""Digits of 2^63."""
NOTHING = -1
Forgotten = tuple[Record, str]
"""A tombstone and the shopper it deletes."""
Taken = tuple[Record, Feedback]
GC_THRESHOLD = 100_000
"""Objects allocated and not freed between two collections: more than one batch holds."""


class UserStates:
    """States by partition number and user; partition numbers are those of the feedback."""

    def __init__(self, settings: Settings, feedback_id: str = "") -> None:
        """`feedback_id` is the cluster's id of the feedback topic."""
        self._settings = settings
        self._feedback_id = feedback_id
        self._applied: dict[int, int] = {}
        """By partition, the last offset that its states contain; until a later one is applied."""
        self._reached: dict[int, int] = {}
        """By partition, the last offset of the batch in hand."""
        self._passed: dict[int, int] = {}
        """By partition, the last offset of the batch that was committed last."""
        self._kept: dict[int, dict[str, UserState]] = {}
        self._changed: dict[tuple[int, str], UserState] = {}
        self._shelves: dict[int, dict[str, bytes]] = {}
        self._changed_shelves: dict[tuple[int, str], bytes] = {}

    def restore(
        self, numbers: Iterable[int], stop: threading.Event
    ) -> dict[int, dict[str, UserState]]:
        """Read these partitions to their end; return the states by partition. Raises Transient."""
        topic = topic_name(self._settings, USER_STATES)
        last: dict[int, Record] = {}
        shelves: dict[int, dict[str, bytes]] = {}
        states = read_states(self._settings, topic, list(numbers), stop, last, shelves)
        self.own(states)
        self._shelves |= shelves
        for number, record in last.items():
            offset = _applied_offset(record, self._feedback_id)
            if offset is not None:
                self._applied[number] = offset
        return states

    def own(self, states: dict[int, dict[str, UserState]]) -> None:
        """Add partitions with their states."""
        self._kept |= states

    def drop(self, numbers: Iterable[int]) -> None:
        """Drop partitions that are revoked."""
        gone = set(numbers)
        self._kept = {number: kept for number, kept in self._kept.items() if number not in gone}
        for number in gone:
            for by_partition in (self._applied, self._passed, self._shelves):
                by_partition.pop(number, None)

    @property
    def owns_any(self) -> bool:
        """Whether this instance owns a partition."""
        return bool(self._kept)

    def owns(self, number: int) -> bool:
        """Return whether this instance owns the partition."""
        return number in self._kept

    def unapplied(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return the feedback of a batch that the states do not contain yet."""
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
        """Return headers for state records that are written now: up to which offset their partition
        is applied with them; none where nothing was.
        """
        for known in (self._reached, self._passed, self._applied):
            if number in known:
                offset = str(known[number]).encode()
                return [(APPLIED_TOPIC, self._feedback_id.encode()), (APPLIED_OFFSET, offset)]
        return []

    def shelf_headers(self, number: int, user_id: str) -> Headers:
        """Return the header of the shopper's state records that holds the list, if any."""
        shelf = self.shelf(number, user_id)
        return [(SHELF, shelf)] if shelf else []

    def shelf(self, number: int, user_id: str) -> bytes:
        """Return the list that the shopper has, b"" without one."""
        changed = self._changed_shelves.get((number, user_id))
        return self._shelves.get(number, {}).get(user_id, b"") if changed is None else changed

    def put_shelf(self, number: int, user_id: str, shelf: bytes) -> None:
        """Note the shopper's list of the batch in hand."""
        self._changed_shelves[number, user_id] = shelf

    def places(self, numbers: Iterable[int] | None = None) -> list[tuple[int, str]]:
        """Return partition and user of every state, of these partitions or of all."""
        wanted = self._kept.keys() if numbers is None else numbers
        return [(number, user_id) for number in wanted for user_id in self._kept.get(number, {})]

    def known(self, number: int, user_id: str) -> UserState | None:
        """Return the committed state, None where there is none in this instance's partitions."""
        return self._kept.get(number, {}).get(user_id)

    def is_in_hand(self, number: int, user_id: str) -> bool:
        """Return whether the batch in hand has changed the state."""
        return (number, user_id) in self._changed

    def of(self, number: int, user_id: str) -> UserState:
        """Return the user's state, with the changes of the batch in hand."""
        place = (number, user_id)
        return self._changed.get(place) or self._kept[number].get(user_id) or empty(user_id)

    def put(self, number: int, state: UserState) -> None:
        """Change a user's state in the batch in hand."""
        self._changed[number, state.user_id] = state

    def commit(self) -> None:
        """Make the batch's changes final; empty states are dropped."""
        for (number, user_id), state in self._changed.items():
            if not state.interactions and state == empty(user_id):
                self._kept[number].pop(user_id, None)
            else:
                self._kept[number][user_id] = state
        self._changed.clear()
        for (number, user_id), shelf in self._changed_shelves.items():
            if shelf:
                self._shelves.setdefault(number, {})[user_id] = shelf
            else:
                self._shelves.get(number, {}).pop(user_id, None)
        self._changed_shelves.clear()
        # The partition has passed the offset up to which it was applied before: a lower offset that
        # comes from now on is of a topic that was created again.
        for number, offset in self._reached.items():
            if offset > self._applied.get(number, NOTHING):
                self._applied.pop(number, None)
        self._passed |= self._reached
        self._reached = {}

    def abort(self) -> None:
        """Drop the batch's changes."""
        self._changed.clear()
        self._changed_shelves.clear()
        self._reached = {}


def read_states(
    settings: Settings,
    topic: str,
    numbers: list[int],
    stop: threading.Event,
    last: dict[int, Record] | None = None,
    shelves: dict[int, dict[str, bytes]] | None = None,
) -> dict[int, dict[str, UserState]]:
    """Read the states of the topic's partitions. Raises Transient where the broker is down.

    The last record of each partition is entered in `last`, the shoppers' lists in `shelves`.
    """
    states: dict[int, dict[str, UserState]] = {number: {} for number in numbers}
    places = [TopicPartition(topic, number) for number in numbers]
    with closing(TableReader(settings, places)) as reader:
        for record in reader.read_to_end(stop):
            take_state(record, states[record.partition])
            if last is not None:
                last[record.partition] = record
            if shelves is not None:
                take_shelf(record, shelves.setdefault(record.partition, {}))
    return states


def take_state(record: Record, states: dict[str, UserState]) -> None:
    """Enter a record of the state topic; one that cannot be read is logged and left out."""
    user_id = (record.key or b"").decode(errors="replace")
    if record.value is None:
        states.pop(user_id, None)
        return
    try:
        states[user_id] = decode(UserState, record.value)
    except InvalidEvent as problem:
        log.error("state_lost", partition=record.partition, offset=record.offset, why=str(problem))


def take_shelf(record: Record, shelves: dict[str, bytes]) -> None:
    """Enter the list in the headers of a record of the state topic."""
    user_id = (record.key or b"").decode(errors="replace")
    shelf = dict(record.headers).get(SHELF)
    if record.value is not None and shelf:
        shelves[user_id] = shelf
    else:
        shelves.pop(user_id, None)


def _applied_offset(record: Record, feedback_id: str) -> int | None:
    """Return up to which offset a state record says that its partition was applied.

    None where it names another topic or none.
    """
    headers = dict(record.headers)
    offset = headers.get(APPLIED_OFFSET, b"")
    is_ours = headers.get(APPLIED_TOPIC) == feedback_id.encode()
    return int(offset) if is_ours and offset.isdigit() and len(offset) <= LONGEST_OFFSET else None


def checked_tombstones(
    records: Sequence[Record], partitions: int, outputs: list[Output]
) -> list[Forgotten]:
    """Return the tombstones in their own partition, with their shoppers.

    Dead letters and forwarded records are appended to `outputs`.
    """
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


def apply_feedback(
    states: UserStates, taken: Sequence[Taken], forgotten: Sequence[Forgotten], rules: Rules
) -> list[Touched]:
    """Apply a batch to the states of its shoppers; return those whose state has changed.

    A tombstone takes effect in order: it also deletes what events before it in the batch brought.
    """
    left_from: dict[tuple[int, str], int] = {}
    for record, user_id in forgotten:
        states.put(record.partition, empty(user_id))
        states.put_shelf(record.partition, user_id, b"")
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


def tombstone_outputs(
    settings: Settings,
    forgotten: Sequence[Forgotten],
    applied_headers: Callable[[int], Headers],
) -> list[Output]:
    """Return tombstones of state, with the `applied_headers` of its partition, and of list."""
    outputs = []
    for record, user_id in forgotten:
        key, number = user_id.encode(), record.partition
        state = tombstone(settings, USER_STATES, key, record, number)
        outputs.append(replace(state, headers=state.headers + applied_headers(number)))
        outputs.append(tombstone(settings, RECOMMENDATIONS, key, record, number))
    return outputs


def raise_gc_threshold() -> None:
    """Make this process collect garbage once for GC_THRESHOLD allocations."""
    gc.set_threshold(GC_THRESHOLD)


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Disable collection in the block, and exempt all objects that exist at its end from it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
