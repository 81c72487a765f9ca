"""Dead letters: records that cannot be processed, unchanged in `<topic>.dlq`, with the reason.

The header names are Kafka Connect's (KIP-298), so that its tools read them. A record that is too
large for its dead-letter topic is kept in the store, and the dead letter points to it (Pointer).
Dead letters are counted and logged after their transaction has committed.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

import stylecore
from schemas.cloudevents import Headers, header, trace_id
from schemas.codec import InvalidEvent, decode_all, encode
from schemas.topics import DEAD_LETTER_SUFFIX, dead_letter_topic
from schemas.types import Sha256, Uri
from stylecore.storage.prune import DEAD_LETTERS as DEAD_LETTERS_FOLDER
from stylecore.storage.store import Store
from workers.kafka.records import Output, Record
from workers.telemetry import CRASHES, DEAD_LETTERS, log

PREFIX = "__connect.errors."
CRASH = "crash"
"""The stage of a dead letter that is a fault of the code."""
POINTER = f"{PREFIX}original.uri"
"""Header of a dead letter whose value is a Pointer."""
TIMESTAMP = f"{PREFIX}original.timestamp"
"""Header with the record's timestamp where the dead letter has another one."""
MAX_MESSAGE = 2000
MAX_LOGGED = 500
"""Characters of the reason in a log line; the dead letter has 2,000."""
LONGEST_COUNT = 19
"""Digits of 2^63; anyone can write the header, and Python refuses very long numbers."""
TOPIC_BYTES = 1_900_000
"""Assumed size limit of a dead-letter topic until it refuses: below DEAD_LETTER_CONFIG."""
OVERHEAD_BYTES = 200
"""Upper bound of a record's size in a batch besides key, value and headers."""
SMALL_BYTES = 4_096
"""Smaller records are not replaced by a pointer, which would be no smaller."""
KEPT_MS = 15 * 86_400_000
"""Older dead letters get the present time, or retention (30 days) would remove them at once."""
PACKAGES = tuple(
    str(Path(stylecore.__file__).parents[1] / name) for name in ("schemas", "stylecore", "workers")
)
Event = TypeVar("Event", bound=msgspec.Struct)


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a dead letter whose record is in the store."""

    value_uri: Uri
    sha256: Sha256
    """Of the value."""
    bytes: int
    rest_uri: Uri | None = None
    """Address of key and headers (Rest), where these are too large as well."""


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """Key and headers of a record in the store."""

    key: bytes | None
    headers: list[tuple[str, bytes]]


def decode_records(
    records: Sequence[Record], event_type: type[Event]
) -> tuple[list[tuple[Record, Event]], list[Output]]:
    """Return the records with their events, in order, and dead letters of invalid ones."""
    decoded, dead = [], []
    found = decode_all(event_type, [record.value for record in records])
    for record, event in zip(records, found, strict=True):
        if isinstance(event, InvalidEvent):
            dead.append(dead_letter(record, "decode", event))
        else:
            decoded.append((record, event))
    return decoded, dead


def dead_letter(record: Record, stage: str, error: Exception, place: str = "") -> Output:
    """Return the record for its dead-letter topic, with its place and the error as headers.

    `place` is the line of the code that crashed.
    """
    message = str(error)[:MAX_MESSAGE] + (f" (at {place})" if place else "")
    # A replayed record has failed before.
    attempts = 1 + max(0, header_number(record.headers, f"{PREFIX}attempts"))
    reasons: Headers = [
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
        ("stage", stage.encode()),
        ("exception.class.name", type(error).__name__.encode()),
        ("exception.message", message.encode(errors="backslashreplace")),
        ("attempts", str(attempts).encode()),
    ]
    kept = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    return Output(
        topic=dead_letter_topic(record.topic),
        key=record.key,
        value=record.value,
        headers=kept + [(f"{PREFIX}{name}", value) for name, value in reasons],
        timestamp_ms=record.timestamp_ms,
    )


def crash_dead_letter(record: Record, error: Exception) -> Output:
    """Return the dead letter of a record over which the worker's code fails."""
    return dead_letter(record, CRASH, error, place_in_our_code(error))


def place_in_our_code(error: Exception) -> str:
    """Return the innermost frame of this project, such as `workers/stylize.py:7 in process`."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(PACKAGES):
            path = Path(frame.filename)
            package = next(Path(root) for root in PACKAGES if frame.filename.startswith(root))
            return f"{path.relative_to(package.parent)}:{frame.lineno} in {frame.name}"
    return "outside our code"


def is_dead_letter(output: Output) -> bool:
    """Return whether an output goes to a dead-letter topic."""
    return is_dead_letter_topic(output.topic)


def is_dead_letter_topic(name: str) -> bool:
    """Return whether a topic, by its name on the cluster, has dead letters."""
    return name.endswith(DEAD_LETTER_SUFFIX)


class DeadLetterOutputs:
    """Makes one worker's dead letters fit their topics, and counts those that are committed."""

    def __init__(self, worker: str, store: Store) -> None:
        self._worker = worker
        self._store = store
        self._most: dict[str, int] = {}

    def fitted(self, outputs: Sequence[Output], now_ms: float) -> list[Output]:
        """Return the outputs with dead letters that their topics accept and retain.

        Raises Transient where the store is down.
        """
        return [
            self._fit(output, now_ms) if is_dead_letter(output) else output for output in outputs
        ]

    def refused(self, topic: str, outputs: Sequence[Output]) -> bool:
        """Note that `topic` refused one of `outputs` for its size.

        Return whether a smaller one is possible: not of another topic, or where all are small.
        """
        sizes = [_size(output) for output in outputs if output.topic == topic]
        largest = max(sizes, default=0)
        if not is_dead_letter_topic(topic) or largest <= SMALL_BYTES:
            return False
        self._most[topic] = max(largest // 2, SMALL_BYTES)
        return True

    def committed(self, outputs: Sequence[Output]) -> None:
        """Count and log the dead letters among committed outputs."""
        for letter in filter(is_dead_letter, outputs):
            topic, headers = letter.topic.removesuffix(DEAD_LETTER_SUFFIX), letter.headers
            error = header_text(headers, f"{PREFIX}exception.class.name")
            stage = header_text(headers, f"{PREFIX}stage")
            if not error:
                continue
            DEAD_LETTERS.labels(topic, error).inc()
            if stage == CRASH:
                CRASHES.labels(self._worker, topic, error).inc()
            log.warning(
                "dead_letter_written",
                topic=topic,
                partition=header_number(headers, f"{PREFIX}partition"),
                offset=header_number(headers, f"{PREFIX}offset"),
                stage=stage,
                error=error,
                why=header_text(headers, f"{PREFIX}exception.message")[:MAX_LOGGED],
                trace_id=trace_id(headers),
            )

    def _fit(self, letter: Output, now_ms: float) -> Output:
        most = self._most.get(letter.topic, TOPIC_BYTES)
        if _size(letter) > max(most, SMALL_BYTES):
            letter = self._pointer_to(letter, most)
        if now_ms - KEPT_MS <= letter.timestamp_ms <= now_ms:
            return letter
        stamp = (TIMESTAMP, str(letter.timestamp_ms).encode())
        return msgspec.structs.replace(
            letter, headers=[*letter.headers, stamp], timestamp_ms=int(now_ms)
        )

    def _pointer_to(self, letter: Output, most: int) -> Output:
        """Store the value, and key and headers too where they are too large."""
        value = letter.value or b""
        uri, digest = self._store.put_blob(DEAD_LETTERS_FOLDER, value, ".bin")
        small = msgspec.structs.replace(letter, value=None)
        rest_uri = None
        if _size(small) > min(most, TOPIC_BYTES) // 2:
            own = [pair for pair in letter.headers if not pair[0].startswith(PREFIX)]
            rest = encode(Rest(key=letter.key, headers=own))
            rest_uri, _ = self._store.put_blob(DEAD_LETTERS_FOLDER, rest, ".json")
            reasons = [pair for pair in letter.headers if pair[0].startswith(PREFIX)]
            small = msgspec.structs.replace(small, key=None, headers=reasons)
        pointer = Pointer(value_uri=uri, sha256=digest, bytes=len(value), rest_uri=rest_uri)
        return msgspec.structs.replace(
            small,
            value=encode(pointer),
            headers=[*small.headers, (POINTER, uri.encode())],
        )


def _size(output: Output) -> int:
    """Return the bytes of a record as it is sent, without compression."""
    headers = sum(len(name) * 4 + len(value) + 8 for name, value in output.headers)
    return len(output.key or b"") + len(output.value or b"") + headers + OVERHEAD_BYTES


def header_text(headers: Headers, name: str) -> str:
    """Return a header as text, '' where it is missing."""
    return (header(headers, name) or b"").decode(errors="replace")


def header_number(headers: Headers, name: str) -> int:
    """Return a header as a number, -1 where it is missing or none."""
    text = header_text(headers, name)
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and len(digits) <= LONGEST_COUNT else -1
