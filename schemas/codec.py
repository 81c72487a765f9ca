"""Encodes events to JSON and decodes them, with errors that name the field and the reason.

Readers tolerate fields that they do not know, a byte-order mark, CloudEvents structured mode and
JSON behind Confluent's schema id (schemas.framing). Records are limited in size before they are
parsed.

`decode_all` gives the same events and the same errors as `decode`, in less time: matching the
pattern of ids one id after another costs twice what the rest of decoding does. A batch is decoded
without patterns first, and all of its ids are matched in one string; where anything is wrong with
any of them, every record is decoded again, strictly, to find which and why.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from schemas.framing import Framing, unframe
from schemas.types import ID_PATTERN, PATTERNS_IN_WORDS, Id

MAX_BYTES = 1_000_000
"""The broker's own default limit of a record (message.max.bytes)."""

Event = TypeVar("Event", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()
_building = threading.Lock()


class InvalidEvent(ValueError):
    """The bytes are not such an event; the message says which field and why."""


def encode(event: msgspec.Struct) -> bytes:
    """The event as UTF-8 JSON; fields at their default are left out."""
    return _encoder.encode(event)


def decode(event_type: type[Event], value: bytes | str | None) -> Event:
    """The event in `value`.

    Raises InvalidEvent for a tombstone, for more than MAX_BYTES, for what is not JSON in UTF-8,
    and for a value outside its limits. Framings are looked for only where plain JSON fails, so
    that they cost nothing on the usual way.
    """
    if value is None:
        raise InvalidEvent(f"a {event_type.__name__} is needed, not a tombstone")
    if len(value) > MAX_BYTES:
        raise InvalidEvent(f"{len(value)} bytes are over the limit of {MAX_BYTES}")
    try:
        return _decode_plain(event_type, value)
    except InvalidEvent as problem:
        framing = unframe(value.encode(errors="surrogatepass") if isinstance(value, str) else value)
        if framing is None:
            raise
        return _decode_framed(event_type, framing, problem)


def _decode_framed(event_type: type[Event], framing: Framing, plain: InvalidEvent) -> Event:
    if framing.payload is None:
        raise InvalidEvent(f"{framing.name}: {framing.advice}") from plain
    try:
        return _decode_plain(event_type, framing.payload)
    except InvalidEvent as problem:
        if not framing.name:
            raise
        raise InvalidEvent(f"{framing.name} is read, but its data is {problem}") from plain


def _decode_plain(event_type: type[Event], value: bytes | str) -> Event:
    try:
        event: Event = decoder_of(event_type).decode(value)
    except msgspec.ValidationError as problem:
        raise InvalidEvent(f"not a valid {event_type.__name__}: {_in_words(problem)}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise InvalidEvent(f"not JSON: {problem}") from problem
    return event


def decode_id(key: bytes | None) -> str:
    """The id that a record's key is. Raises InvalidEvent where it is none."""
    try:
        found: str = msgspec.convert((key or b"").decode(), Id)
    except UnicodeDecodeError as problem:
        raise InvalidEvent(f"the key is not an id: the key is not UTF-8: {problem}") from problem
    except msgspec.ValidationError as problem:
        raise InvalidEvent(f"the key is not an id: {_in_words(problem)}") from problem
    return found


def require_key(key: str | bytes, expected: str) -> None:
    """Raises InvalidEvent where a record's key is not the id that its event has."""
    try:
        found = key if isinstance(key, str) else key.decode()
    except UnicodeDecodeError as problem:
        raise InvalidEvent(f"the key is not UTF-8: {problem}") from problem
    if found != expected:
        raise InvalidEvent(f"the record's key is {key!r}, its event is of {expected!r}")


@cache
def decoder_of(event_type: type[Event]) -> msgspec.json.Decoder[Event]:
    """The decoder of this type, which any thread may ask for.

    msgspec 0.22 keeps what it knows of a type with the type, also while it is still finding out:
    a thread that decodes with that meanwhile ends the process with a segmentation fault.
    """
    with _building:
        return msgspec.json.Decoder(event_type)


def _in_words(problem: Exception) -> str:
    """msgspec's message, with patterns replaced by what they mean."""
    text = str(problem)
    for pattern, words in PATTERNS_IN_WORDS.items():
        text = text.replace(f"`str` matching regex {pattern!r}", words)
    return text


NO_IDS = {"*", ".", ".."}


def decode_all(
    event_type: type[Event], values: Sequence[bytes | None]
) -> list[Event | InvalidEvent]:
    """The event in each value, or what is wrong with it, in order."""
    return _decoded_soon(event_type, values) or [_strictly(event_type, value) for value in values]


def _strictly(event_type: type[Event], value: bytes | None) -> Event | InvalidEvent:
    try:
        return decode(event_type, value)
    except InvalidEvent as problem:
        return problem


def _decoded_soon(
    event_type: type[Event], values: Sequence[bytes | None]
) -> list[Event | InvalidEvent] | None:
    """The events where all are as they shall be, and None where one may not be."""
    decoder, id_fields = _without_patterns(event_type)
    if max(map(len, filter(None, values)), default=0) > MAX_BYTES:
        return None
    try:
        events = [decoder.decode(value) for value in values]  # type: ignore[arg-type]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return None
    for field in id_fields:
        ids = [getattr(event, field) for event in events]
        named = [found for found in ids if found is not None]
        text = "".join(named)
        if "/" in text or not text.isprintable() or not NO_IDS.isdisjoint(named):
            return None
    return events


@cache
def _without_patterns(
    event_type: type[Event],
) -> tuple[msgspec.json.Decoder[Event], tuple[str, ...]]:
    """A decoder of the type that checks all but the ids' pattern, and the fields with ids."""
    hints = get_type_hints(event_type, include_extras=True)
    id_fields = tuple(name for name, hint in hints.items() if _plain(hint) != hint)
    fields: list[Any] = [
        (field.name, _plain(hints[field.name]), *([] if field.required else [field.default]))
        for field in msgspec.structs.fields(event_type)
        if field.name in id_fields
    ]
    plain = msgspec.defstruct(
        event_type.__name__, fields, bases=(event_type,), frozen=True, kw_only=True
    )
    return decoder_of(plain), id_fields


def _plain(hint: Any) -> Any:
    """The hint, with text of any characters where it wants an id."""
    if get_origin(hint) is Annotated:
        base, *metas = get_args(hint)
        return Annotated[base, *map(_without_pattern, metas)]
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(map(_plain, get_args(hint)))]  # noqa: UP007 (made while running)
    return hint


def _without_pattern(meta: Any) -> Any:
    if isinstance(meta, msgspec.Meta) and meta.pattern == ID_PATTERN:
        return msgspec.Meta(min_length=meta.min_length, max_length=meta.max_length)
    return meta
