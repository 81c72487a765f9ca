"""Dead letters as they are read: which record failed, why, how often, and whether it came again.

A replay leaves a marker beside its letter, in the letter's own partition: a record without value
whose headers name the letter. Marker and replayed record are one transaction. What is to be done
with a letter is not known here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from hashlib import sha256

import msgspec

from schemas.cloudevents import Headers, header
from schemas.codec import InvalidEvent, decode
from schemas.topics import DEAD_LETTER_SUFFIX, TOPICS
from stylecore.errors import Permanent
from stylecore.storage.store import Store
from workers.dead_letter import LONGEST_COUNT, POINTER, PREFIX, TIMESTAMP, Pointer, Rest
from workers.records import Output, Record
from workers.settings import Settings
from workers.table import TableReader, partitions_of_names
from workers.topics import topic_name

REPLAYED = "stylecast.replayed."
"""Begins the headers of a marker."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter; `topic`, `partition` and `offset` are those of the record that failed.

    `record` has the timestamp of the record that failed, also where the letter has another one.
    """

    record: Record
    pointer: Pointer | None = None
    """Where the record's value is, when the letter only points to it."""
    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    message: str
    attempts: int
    replayed: bool = False

    @property
    def place(self) -> str:
        """Where the letter lies: `partition/offset`."""
        return f"{self.record.partition}/{self.record.offset}"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters: all that is given must be true. Times are those of the record itself."""

    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    places: tuple[str, ...] = ()

    def has(self, letter: Letter) -> bool:
        """Whether the letter is meant; `reason` is a part of the error's class or message."""
        reason = f"{letter.error}: {letter.message}".lower()
        return (
            self.reason.lower() in reason
            and (self.since is None or letter.record.at >= self.since)
            and (self.until is None or letter.record.at < self.until)
            and (not self.places or letter.place in self.places)
        )


def contract_name(topic: str) -> str:
    """The input topic of a name given with or without `.dlq`. Raises Permanent."""
    name = topic.removesuffix(DEAD_LETTER_SUFFIX)
    names = [entry.name for entry in TOPICS if entry.dead_letters_of]
    if name not in names:
        raise Permanent(f"{topic} has no dead letters; these have: {', '.join(names)}")
    return name


def read_letters(settings: Settings, topic: str) -> list[Letter]:
    """The letters of a topic (its contract name), by place. Raises Permanent or Transient."""
    name = topic_name(settings, topic + DEAD_LETTER_SUFFIX)
    with closing(TableReader(settings, partitions_of_names(settings, [name]))) as reader:
        records = list(reader.read_to_end(threading.Event()))
    return sorted(_letters(records), key=lambda it: (it.record.partition, it.record.offset))


def _letters(records: list[Record]) -> Iterator[Letter]:
    marked = {(record.partition, _text(record, f"{REPLAYED}offset")) for record in records}
    for record in records:
        if not is_marker(record):
            yield letter_of(record, replayed=(record.partition, str(record.offset)) in marked)


def is_marker(record: Record) -> bool:
    """Whether a record of a dead-letter topic is no letter, but says that one was replayed."""
    return header(record.headers, f"{REPLAYED}offset") is not None


def letter_of(record: Record, *, replayed: bool) -> Letter:
    """A record of a dead-letter topic; a header that is missing or no number gives -1 or ''."""
    timestamp = _number(record, TIMESTAMP) if header(record.headers, TIMESTAMP) else None
    if timestamp is not None:
        record = msgspec.structs.replace(record, timestamp_ms=timestamp)
    return Letter(
        record=record,
        pointer=_pointer(record),
        topic=_text(record, f"{PREFIX}topic"),
        partition=_number(record, f"{PREFIX}partition"),
        offset=_number(record, f"{PREFIX}offset"),
        stage=_text(record, f"{PREFIX}stage"),
        error=_text(record, f"{PREFIX}exception.class.name"),
        message=_text(record, f"{PREFIX}exception.message"),
        attempts=max(1, _number(record, f"{PREFIX}attempts")),
        replayed=replayed,
    )


def _pointer(record: Record) -> Pointer | None:
    """What the value points to; None for a letter that holds its record."""
    if header(record.headers, POINTER) is None:
        return None
    try:
        return decode(Pointer, record.value)
    except InvalidEvent:  # another one wrote the header
        return None


def original(letter: Letter, store: Store) -> Record:
    """The record that failed, with what the store keeps of it.

    Raises Permanent where the store has it no more or something else, and Transient.
    """
    pointer, record = letter.pointer, letter.record
    if pointer is None:
        return record
    value = store.get(pointer.value_uri)
    if sha256(value).hexdigest() != pointer.sha256:
        raise Permanent(f"what is stored at {pointer.value_uri} is not the record that failed")
    key, headers = record.key, record.headers
    if pointer.rest_uri is not None:
        rest = _rest(store.get(pointer.rest_uri), pointer.rest_uri)
        key, headers = rest.key, [*rest.headers, *headers]
    own = [pair for pair in headers if pair[0] != POINTER]
    return msgspec.structs.replace(record, key=key, value=value, raw_headers=own)


def _rest(data: bytes, uri: str) -> Rest:
    try:
        return msgspec.json.decode(data, type=Rest)
    except msgspec.DecodeError as problem:
        raise Permanent(f"what is stored at {uri} is not a record's key and headers") from problem


def marker(letter: Letter, at: datetime) -> Output:
    """The record that says that a letter was replayed."""
    headers: Headers = [
        (f"{REPLAYED}partition", str(letter.record.partition).encode()),
        (f"{REPLAYED}offset", str(letter.record.offset).encode()),
        (f"{REPLAYED}at", at.isoformat().encode()),
    ]
    return Output(
        topic=letter.record.topic,
        key=letter.record.key,
        value=None,
        headers=headers,
        partition=letter.record.partition,
    )


def _text(record: Record, name: str) -> str:
    return (header(record.headers, name) or b"").decode(errors="replace")


def _number(record: Record, name: str) -> int:
    text = _text(record, name)
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and len(digits) <= LONGEST_COUNT else -1
