"""Many events at once: the same events and the same errors as `codec.decode`, sooner.

Looking for the pattern of ids in one id after another costs twice what the rest of decoding does.
So a batch is decoded without patterns first, and all its ids are looked at in one string; where
anything is wrong with any of them, every record is decoded anew, strictly, to find which and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from schemas.codec import MAX_BYTES, InvalidEvent, decode, decoder_of
from schemas.types import ID_PATTERN

Event = TypeVar("Event", bound=msgspec.Struct)

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
