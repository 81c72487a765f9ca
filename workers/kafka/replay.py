"""Reading dead letters, and replaying them to their topic.

A replay is one transaction: the records, unchanged, and beside each dead letter, in the letter's
own partition, a marker: a record without value whose headers name the letter. A record that the
topic refuses for its size is found by halving. The replay's producer has one transactional id on
the cluster, so that of two replays at once one is fenced, and the later one sees the markers of the
earlier.

A replayed record keeps key, value, headers and timestamp (the present where its own is out of
range), goes to the partition of its key, and carries how often it failed: a worker that sets it
aside again counts on. A record that is kept in the store is read from there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from confluent_kafka import Producer

from schemas.cloudevents import Headers, header
from schemas.codec import InvalidEvent, decode
from schemas.topics import DEAD_LETTER_SUFFIX, TOPICS, topic_named
from stylecore.errors import Permanent, Transient
from stylecore.storage.store import Store
from workers.kafka.clients import transactional_producer
from workers.kafka.dead_letters import (
    POINTER,
    PREFIX,
    TIMESTAMP,
    Pointer,
    Rest,
    header_number,
    header_text,
)
from workers.kafka.records import Output, Record, timestamp_problem
from workers.kafka.retry import until_answered
from workers.kafka.table import partitions_of_names, read_partitions
from workers.kafka.topics import topic_name
from workers.kafka.transaction import Aborted, Fenced, commit_batch
from workers.settings import Settings

REPLAYED = "stylecast.replayed."
"""Prefix of a marker's headers."""
WORKER = "dead-letters"
INSTANCE = "replay"
REPLAY_BYTES = 100_000_000
"""Size limit of a record, before compression."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter that was read.

    `topic`, `partition` and `offset` are those of the record that failed, as is the timestamp of
    `record`, also where the letter itself has another one.
    """

    record: Record
    pointer: Pointer | None = None
    """Where the record is in the store, if the letter points to it."""
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
        """Where the letter is: `partition/offset`."""
        return f"{self.record.partition}/{self.record.offset}"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of dead letters: all conditions must hold. Times are those of the failed record."""

    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    places: tuple[str, ...] = ()

    def has(self, letter: DeadLetter) -> bool:
        """Return whether the letter matches; `reason` is part of the error's class or message."""
        reason = f"{letter.error}: {letter.message}".lower()
        return (
            self.reason.lower() in reason
            and (self.since is None or letter.record.at >= self.since)
            and (self.until is None or letter.record.at < self.until)
            and (not self.places or letter.place in self.places)
        )


def contract_name(topic: str) -> str:
    """Return the input topic of a name with or without `.dlq`. Raises Permanent."""
    name = topic.removesuffix(DEAD_LETTER_SUFFIX)
    names = [entry.name for entry in TOPICS if entry.dead_letters_of]
    if name not in names:
        raise Permanent(f"{topic} has no dead letters; these have: {', '.join(names)}")
    return name


def read_dead_letters(settings: Settings, topic: str) -> list[DeadLetter]:
    """Return the dead letters of a topic (its contract name), by place.

    Raises Permanent or Transient.
    """
    name = topic_name(settings, topic + DEAD_LETTER_SUFFIX)
    records = list(read_partitions(settings, partitions_of_names(settings, [name])))
    marked = {
        (record.partition, header_text(record.headers, f"{REPLAYED}offset")) for record in records
    }
    return [
        dead_letter_of(record, replayed=(record.partition, str(record.offset)) in marked)
        for record in sorted(records, key=lambda it: (it.partition, it.offset))
        if not is_marker(record)
    ]


def is_marker(record: Record) -> bool:
    """Return whether a record of a dead-letter topic is the marker of a replayed letter."""
    return header(record.headers, f"{REPLAYED}offset") is not None


def dead_letter_of(record: Record, *, replayed: bool) -> DeadLetter:
    """Return a record as a dead letter; a header that is missing or no number gives '' or -1."""
    timestamp = (
        header_number(record.headers, TIMESTAMP) if header(record.headers, TIMESTAMP) else None
    )
    if timestamp is not None:
        record = msgspec.structs.replace(record, timestamp_ms=timestamp)
    return DeadLetter(
        record=record,
        pointer=_pointer(record),
        topic=header_text(record.headers, f"{PREFIX}topic"),
        partition=header_number(record.headers, f"{PREFIX}partition"),
        offset=header_number(record.headers, f"{PREFIX}offset"),
        stage=header_text(record.headers, f"{PREFIX}stage"),
        error=header_text(record.headers, f"{PREFIX}exception.class.name"),
        message=header_text(record.headers, f"{PREFIX}exception.message"),
        attempts=max(1, header_number(record.headers, f"{PREFIX}attempts")),
        replayed=replayed,
    )


def _pointer(record: Record) -> Pointer | None:
    """Return what the value points to, None for a letter that holds its record."""
    if header(record.headers, POINTER) is None:
        return None
    try:
        return decode(Pointer, record.value)
    except InvalidEvent:  # the header is not from Stylecast
        return None


def original(letter: DeadLetter, store: Store) -> Record:
    """Return the record that failed, with its parts in the store.

    Raises Permanent where the store has none, or another content, and Transient.
    """
    pointer, record = letter.pointer, letter.record
    if pointer is None:
        return record
    value = store.get(pointer.value_uri)
    if sha256(value).hexdigest() != pointer.sha256:
        raise Permanent(f"what is stored at {pointer.value_uri} is not the record that failed")
    key, headers = record.key, record.headers
    if pointer.rest_uri is not None:
        try:
            rest = msgspec.json.decode(store.get(pointer.rest_uri), type=Rest)
        except msgspec.DecodeError as problem:
            raise Permanent(
                f"what is stored at {pointer.rest_uri} is not a record's key and headers"
            ) from problem
        key, headers = rest.key, [*rest.headers, *headers]
    own = [pair for pair in headers if pair[0] != POINTER]
    return msgspec.structs.replace(record, key=key, value=value, raw_headers=own)


def marker(letter: DeadLetter, at: datetime) -> Output:
    """Return the record that marks a letter as replayed."""
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


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a letter: replayed, or refused for a reason."""

    letter: DeadLetter
    refused: str = ""


def replay(
    settings: Settings, topic: str, wanted: Selection, *, again: bool, dry_run: bool
) -> list[Verdict]:
    """Replay the letters that match, or with `dry_run` only say what would be done.

    `again` includes letters that were replayed before. Raises Transient where the broker is down
    or another replay has begun, and Permanent where a topic is missing; nothing is replayed then.
    """
    one = settings.worker.model_copy(update={"instance": INSTANCE})
    settings = settings.model_copy(update={"worker": one})
    if dry_run:
        return judge(settings, topic, wanted, again=again)
    # The topic's limit is for compressed records, and the original record was accepted.
    producer = transactional_producer(settings, WORKER, message_bytes=REPLAY_BYTES)
    until_answered(lambda: producer.init_transactions(10), threading.Event())
    verdicts = judge(settings, topic, wanted, again=again)
    letters = [it.letter for it in verdicts if not it.refused]
    # A large record that the topic may refuse has a transaction of its own.
    alone = [[letter] for letter in letters if letter.pointer is not None]
    together = [letter for letter in letters if letter.pointer is None]
    refused: dict[str, str] = {}
    for part in [together, *alone]:
        refused |= _replay(settings, producer, topic, part)
    return [
        msgspec.structs.replace(it, refused=it.refused or refused.get(it.letter.place, ""))
        for it in verdicts
    ]


def _replay(
    settings: Settings, producer: Producer, topic: str, letters: Sequence[DeadLetter]
) -> dict[str, str]:
    """Replay the letters in one transaction, halved again and again where a record is refused.

    Return by place why a letter is not replayed. Raises Transient and Permanent.
    """
    if not letters:
        return {}
    try:
        commit_batch(producer, _outputs(settings, topic, letters), [], None)
    except Fenced as problem:
        raise Transient("another replay has begun: nothing more was replayed") from problem
    except Aborted as problem:
        if problem.too_large is None:
            raise Permanent(f"not replayed: {problem}") from problem
        why = f"larger than {problem.too_large} takes: raise its max.message.bytes"
    except Permanent as problem:  # the record is missing in the store
        why = str(problem)
    else:
        return {}
    if len(letters) == 1:
        return {letters[0].place: why}
    half = len(letters) // 2
    return _replay(settings, producer, topic, letters[:half]) | _replay(
        settings, producer, topic, letters[half:]
    )


def judge(settings: Settings, topic: str, wanted: Selection, *, again: bool) -> list[Verdict]:
    """Return what a replay does with each of the letters that match."""
    letters = [letter for letter in read_dead_letters(settings, topic) if wanted.has(letter)]
    newest = _newest(settings, topic, {letter.record.key for letter in letters})
    return [
        Verdict(letter=letter, refused=_refusal(letter, newest.get(letter.record.key), again))
        for letter in letters
    ]


def _refusal(letter: DeadLetter, newest: Record | None, again: bool) -> str:
    """Return why the letter is not replayed, or ''."""
    if letter.replayed and not again:
        return "replayed before"
    at = letter.partition, letter.offset, letter.record.timestamp_ms
    if newest is not None and _is_newer(newest, *at):
        return f"newer record of the key at {newest.partition}/{newest.offset}"
    return ""


def _is_newer(record: Record, partition: int, offset: int, timestamp_ms: int) -> bool:
    """Compare with another record by offset within a partition, else by timestamp."""
    if record.partition == partition:
        return record.offset > offset
    return record.timestamp_ms >= timestamp_ms


def _newest(settings: Settings, topic: str, keys: set[bytes | None]) -> dict[bytes | None, Record]:
    """Return the last record of each key of a compacted topic; nothing for other topics."""
    if topic_named(topic).cleanup != "compact" or not keys:
        return {}
    name = topic_name(settings, topic)
    newest: dict[bytes | None, Record] = {}
    for record in read_partitions(settings, partitions_of_names(settings, [name])):
        if record.key not in keys:
            continue
        last = newest.get(record.key)
        if last is None or _is_newer(record, last.partition, last.offset, last.timestamp_ms):
            newest[record.key] = record
    return newest


def _outputs(settings: Settings, topic: str, letters: Sequence[DeadLetter]) -> list[Output]:
    """Return the records and their markers; the partitioner chooses by the key."""
    name, now = topic_name(settings, topic), datetime.now(UTC)
    store, now_ms = Store(settings.store.uri), now.timestamp() * 1000
    records = []
    for letter in letters:
        record = original(letter, store)
        in_range = timestamp_problem(record, now_ms) is None
        own = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
        records.append(
            Output(
                topic=name,
                key=record.key,
                value=record.value,
                headers=[*own, (f"{PREFIX}attempts", str(letter.attempts).encode())],
                timestamp_ms=record.timestamp_ms if in_range else 0,
            )
        )
    return records + [marker(letter, now) for letter in letters]
