"""The shoppers' states of the partitions that this instance owns; their topic is their home.

Changes of a batch are kept apart until its transaction is committed, and dropped when it is not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from confluent_kafka import TopicPartition

from schemas.codec import InvalidEvent, decode
from schemas.events import UserState
from schemas.topics import USER_STATES
from stylecore.preferences import empty
from workers.records import Record
from workers.settings import Settings
from workers.table import TableReader
from workers.telemetry import log
from workers.topics import topic_name


class UserStates:
    """States by partition number and user; partition numbers are those of the feedback."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: dict[int, dict[str, UserState]] = {}
        self._changed: dict[tuple[int, str], UserState] = {}

    def restore(
        self, numbers: Iterable[int], stop: threading.Event
    ) -> dict[int, dict[str, UserState]]:
        """Read these partitions to their end; the states by partition. Raises Transient."""
        topic = topic_name(self._settings, USER_STATES)
        states = read_states(self._settings, topic, list(numbers), stop)
        self.own(states)
        return states

    def own(self, states: dict[int, dict[str, UserState]]) -> None:
        """Take over partitions with these states."""
        self._kept |= states

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget partitions that another instance owns now."""
        gone = set(numbers)
        self._kept = {number: kept for number, kept in self._kept.items() if number not in gone}

    def owns(self, number: int) -> bool:
        """Whether this instance owns the partition."""
        return number in self._kept

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

    def abort(self) -> None:
        """The batch comes again."""
        self._changed.clear()


def read_states(
    settings: Settings, topic: str, numbers: list[int], stop: threading.Event
) -> dict[int, dict[str, UserState]]:
    """The states of the topic's partitions. Raises Transient where the broker is away."""
    states: dict[int, dict[str, UserState]] = {number: {} for number in numbers}
    reader = TableReader(settings, [TopicPartition(topic, number) for number in numbers])
    try:
        for record in reader.read_to_end(stop):
            take_state(record, states[record.partition])
    finally:
        reader.close()
    return states


def take_state(record: Record, states: dict[str, UserState]) -> None:
    """Enter a record of the state topic; one that cannot be read is told and left out."""
    user_id = (record.key or b"").decode(errors="replace")
    if record.value is None:
        states.pop(user_id, None)
        return
    try:
        states[user_id] = decode(UserState, record.value)
    except InvalidEvent as problem:
        log.error("state lost", partition=record.partition, offset=record.offset, why=str(problem))
