"""A batch is decoded to the same events and the same errors as its records one by one."""

from __future__ import annotations

import msgspec
import pytest
from event_strategies import EVENTS, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import MAX_BYTES, InvalidEvent, decode, decode_all, encode
from schemas.events import Feedback
from schemas.types import EPOCH

unhurried = settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
GOOD = Feedback(event_id="e", user_id="u", kind="click", product_id="p", occurred_at=EPOCH)


def one_by_one(event_type: type[msgspec.Struct], value: bytes | None):
    try:
        return encode(decode(event_type, value))
    except InvalidEvent as problem:
        return str(problem)


def as_a_batch(event_type: type[msgspec.Struct], values: list[bytes | None]):
    return [
        str(found) if isinstance(found, InvalidEvent) else msgspec.json.encode(found)
        for found in decode_all(event_type, values)
    ]


@pytest.mark.parametrize("event_type", EVENTS)
@unhurried
@given(data=st.data())
def test_good_events_are_the_same(event_type, data):
    values = [encode(event) for event in data.draw(st.lists(events(event_type), max_size=3))]
    found = decode_all(event_type, values)
    assert all(isinstance(event, event_type) for event in found)
    assert list(map(msgspec.to_builtins, found)) == [
        msgspec.to_builtins(decode(event_type, value)) for value in values
    ]


BAD_IDS = ("", "*", ".", "..", "a/b", "a\nb", "a\u2028b", "\x7f", "x" * 201)
ODD_IDS = ("a b", "\xa0", "...", "**", "é", "a\u200bb")


@pytest.mark.parametrize("field", ["event_id", "user_id", "product_id", "style_id"])
@pytest.mark.parametrize("id_", [*BAD_IDS, *ODD_IDS])
def test_an_id_is_refused_or_taken_as_ever_and_its_neighbours_are_taken(field, id_):
    odd = encode(msgspec.structs.replace(GOOD, **{field: id_}))
    good = encode(GOOD)
    first, found, last = as_a_batch(Feedback, [good, odd, good])
    assert (first, last) == (good, good)
    assert found == one_by_one(Feedback, odd)
    assert isinstance(found, str) == (id_ in BAD_IDS)


@pytest.mark.parametrize(
    "bad", [None, b"{", b"[]", b"\xff", b"[" * 100_000, b" " * (MAX_BYTES + 1), b'{"event_id":1}']
)
def test_what_is_broken_is_told_in_the_same_words(bad):
    good = encode(GOOD)
    assert as_a_batch(Feedback, [bad, good]) == [one_by_one(Feedback, bad), good]


def test_no_records_are_no_events():
    assert decode_all(Feedback, []) == []
