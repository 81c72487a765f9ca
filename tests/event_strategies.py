"""Random valid events, made from the limits that msgspec's own inspection of the types states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from schemas.topics import TOPICS
from schemas.types import ID_PATTERN, SHOPPER_PATTERN

EVENTS = sorted({topic.event for topic in TOPICS}, key=lambda event: event.__name__)

Strategy = st.SearchStrategy[Any]

_printable = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/")
_ids = st.text(_printable, min_size=1, max_size=40).filter(lambda t: t not in {"*", ".", ".."})
_times = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 (hypothesis wants them naive)
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def events(event_type: type[msgspec.Struct]) -> Strategy:
    """Instances of an event; those that break a rule between fields are left out."""
    fields = inspect.type_info(event_type).fields
    required = {f.encode_name: _of(f.type) for f in fields if f.required}
    optional = {f.encode_name: _of(f.type) for f in fields if not f.required}
    built = st.fixed_dictionaries(required, optional=optional).map(
        lambda values: _built(event_type, values)
    )
    return built.filter(lambda event: event is not None)


def _built(event_type: type[msgspec.Struct], values: dict[str, Any]) -> Any:
    try:
        return event_type(**values)
    except ValueError:
        return None


def _of(kind: Any) -> Strategy:
    return _STRATEGIES[type(kind)](kind)


def _text(kind: inspect.StrType) -> Strategy:
    if kind.pattern is None:
        return st.text(st.characters(codec="utf-8"), min_size=kind.min_length or 0, max_size=60)
    if kind.pattern in {ID_PATTERN, SHOPPER_PATTERN}:
        return _ids
    return st.from_regex(kind.pattern)


def _float(kind: inspect.FloatType) -> Strategy:
    low = kind.gt if kind.ge is None else kind.ge
    return st.floats(
        -1e300 if low is None else low,
        1e300 if kind.le is None else kind.le,
        exclude_min=kind.ge is None and low is not None,
    )


def _list(kind: Any) -> Strategy:
    return st.lists(_of(kind.item_type), min_size=kind.min_length or 0, max_size=4)


_STRATEGIES: dict[type, Callable[[Any], Strategy]] = {
    inspect.Metadata: lambda kind: _of(kind.type),
    inspect.UnionType: lambda kind: st.one_of(*map(_of, kind.types)),
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.StrType: _text,
    inspect.IntType: lambda kind: st.integers(kind.ge, kind.lt - 1 if kind.le is None else kind.le),
    inspect.FloatType: _float,
    inspect.DateTimeType: lambda _: _times,
    inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
    inspect.ListType: _list,
    inspect.VarTupleType: lambda kind: _list(kind).map(tuple),
    inspect.DictType: lambda kind: st.dictionaries(
        _of(kind.key_type), _of(kind.value_type), min_size=kind.min_length or 0, max_size=4
    ),
    inspect.StructType: lambda kind: events(kind.cls),
}
