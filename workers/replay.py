"""Dead letters given back to their topic: untouched, on the partition of their key, each once.

A replay is a transaction: the records, and for each a marker beside its letter; what a topic
refuses for its size is found by halves and told. Its producer has one name on the cluster, so that
of two replays at once one is fenced, and the one that starts later sees the markers of the earlier.
The record keeps key, value, headers and timestamp (the present where its own is out of range), and
carries how often it failed: a worker that sets it aside again counts on. A record that is kept in
the store is read from there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import msgspec
from confluent_kafka import Producer

from schemas.cloudevents import Headers
from schemas.topics import topic_named
from stylecore.errors import Permanent, Transient
from stylecore.storage.store import Store
from workers.clients import transactional_producer
from workers.dead_letter import PREFIX
from workers.letters import Letter, Selection, marker, original, read_letters
from workers.patience import until_answered
from workers.records import Output, Record, timestamp_problem
from workers.settings import Settings
from workers.table import TableReader, partitions_of_names
from workers.topics import topic_name
from workers.transaction import Aborted, Fenced, commit_batch

WORKER = "dead-letters"
INSTANCE = "replay"
REPLAY_BYTES = 100_000_000
"""Of a record, before compression."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with a letter: replayed, or why not."""

    letter: Letter
    refused: str = ""


def replay(
    settings: Settings, topic: str, wanted: Selection, *, again: bool, dry_run: bool
) -> list[Verdict]:
    """Replays the letters that are wanted, or only says what would be done.

    `again` also takes letters that were replayed before. Raises Transient where the broker is away
    or another replay took over, and Permanent where a topic is missing; nothing is replayed then.
    """
    one = settings.worker.model_copy(update={"instance": INSTANCE})
    settings = settings.model_copy(update={"worker": one})
    if dry_run:
        return judge(settings, topic, wanted, again=again)
    # How large a record may be is the topic's to say: the original was compressed well enough.
    producer = transactional_producer(settings, WORKER, message_bytes=REPLAY_BYTES)
    until_answered(lambda: producer.init_transactions(10), threading.Event())
    verdicts = judge(settings, topic, wanted, again=again)
    letters = [it.letter for it in verdicts if not it.refused]
    # One that may be too large for the topic goes alone: it must not take others with it.
    alone = [[letter] for letter in letters if letter.pointer is not None]
    together = [letter for letter in letters if letter.pointer is None]
    refused: dict[str, str] = {}
    for part in [together, *alone]:
        refused |= _give_back(settings, producer, topic, part)
    return [
        msgspec.structs.replace(it, refused=it.refused or refused.get(it.letter.place, ""))
        for it in verdicts
    ]


def _give_back(
    settings: Settings, producer: Producer, topic: str, letters: Sequence[Letter]
) -> dict[str, str]:
    """Replay the letters in one transaction, or in ever smaller parts where one is refused.

    By place, why a letter is not replayed. Raises Transient and Permanent.
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
    except Permanent as problem:  # the store has the record no more
        why = str(problem)
    else:
        return {}
    if len(letters) == 1:
        return {letters[0].place: why}
    half = len(letters) // 2
    return _give_back(settings, producer, topic, letters[:half]) | _give_back(
        settings, producer, topic, letters[half:]
    )


def judge(settings: Settings, topic: str, wanted: Selection, *, again: bool) -> list[Verdict]:
    """What a replay would do with each of the letters that are wanted."""
    letters = [letter for letter in read_letters(settings, topic) if wanted.has(letter)]
    newest = _newest(settings, topic, {letter.record.key for letter in letters})
    return [
        Verdict(letter=letter, refused=_refusal(letter, newest.get(letter.record.key), again))
        for letter in letters
    ]


def _refusal(letter: Letter, newest: Record | None, again: bool) -> str:
    """Why the letter is not replayed, or nothing."""
    if letter.replayed and not again:
        return "replayed before"
    if newest is not None and _is_newer(newest, letter):
        return f"newer record of the key at {newest.partition}/{newest.offset}"
    return ""


def _is_newer(record: Record, letter: Letter) -> bool:
    """By offset where both lie in one partition, else by timestamp."""
    if record.partition == letter.partition:
        return record.offset > letter.offset
    return record.timestamp_ms >= letter.record.timestamp_ms


def _newest(settings: Settings, topic: str, keys: set[bytes | None]) -> dict[bytes | None, Record]:
    """The last record of each key, in a compacted topic; a deleting topic has no last word."""
    if topic_named(topic).cleanup != "compact" or not keys:
        return {}
    name = topic_name(settings, topic)
    newest: dict[bytes | None, Record] = {}
    with closing(TableReader(settings, partitions_of_names(settings, [name]))) as reader:
        for record in reader.read_to_end(threading.Event()):
            before = newest.get(record.key)
            if record.key in keys and (before is None or _follows(record, before)):
                newest[record.key] = record
    return newest


def _follows(record: Record, before: Record) -> bool:
    if record.partition == before.partition:
        return record.offset > before.offset
    return record.timestamp_ms >= before.timestamp_ms


def _outputs(settings: Settings, topic: str, letters: Sequence[Letter]) -> list[Output]:
    """The records and their markers; the partitioner chooses by the key."""
    name, now = topic_name(settings, topic), datetime.now(UTC)
    store, now_ms = Store(settings.store.uri), now.timestamp() * 1000
    records = []
    for letter in letters:
        record = original(letter, store)
        in_range = timestamp_problem(record, now_ms) is None
        records.append(
            Output(
                topic=name,
                key=record.key,
                value=record.value,
                headers=_headers(record, letter.attempts),
                timestamp_ms=record.timestamp_ms if in_range else 0,
            )
        )
    return records + [marker(letter, now) for letter in letters]


def _headers(record: Record, attempts: int) -> Headers:
    """The record's own, and how often it failed."""
    own = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    return [*own, (f"{PREFIX}attempts", str(attempts).encode())]
