"""What is encoded decodes to the same; what is broken is told by field and reason."""

import json

import msgspec
import pytest
from event_strategies import EVENTS, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import MAX_BYTES, InvalidEvent, decode, encode
from schemas.events import Campaign, Feedback, Product, Style, StyleDefinition, StylizeJob
from schemas.generate import FOLDER

unhurried = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def golden(event: type[msgspec.Struct]) -> dict:
    return json.loads((FOLDER / "golden" / f"{event.__name__}.v1.json").read_text())


@pytest.mark.parametrize("event_type", EVENTS)
@unhurried
@given(data=st.data())
def test_what_is_encoded_decodes_to_the_same(event_type, data):
    event = data.draw(events(event_type))
    assert decode(event_type, encode(event)) == event


@pytest.mark.parametrize("event_type", EVENTS)
def test_the_golden_sample_of_the_version_still_decodes_and_encodes_to_the_same(event_type):
    sample = golden(event_type)
    assert json.loads(encode(decode(event_type, json.dumps(sample)))) == sample


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_added_field_is_tolerated(event_type):
    sample = golden(event_type)
    more = sample | {"added_in_2031": {"deep": [1, 2, 3]}}
    assert decode(event_type, json.dumps(more)) == decode(event_type, json.dumps(sample))


@pytest.mark.parametrize("event_type", EVENTS)
@unhurried
@given(data=st.data())
def test_a_missing_or_retyped_field_is_named(event_type, data):
    sample = golden(event_type)
    required = [f.name for f in msgspec.structs.fields(event_type) if f.required]
    name = data.draw(st.sampled_from(required))
    without = {key: value for key, value in sample.items() if key != name}
    with pytest.raises(InvalidEvent, match=f"missing required field `{name}`"):
        decode(event_type, json.dumps(without))
    with pytest.raises(InvalidEvent, match=rf"\$\.{name}"):
        decode(event_type, json.dumps(sample | {name: None}))


@pytest.mark.parametrize(
    ("event_type", "change", "reason"),
    [
        (Product, {"product_id": ""}, "length >= 1.*product_id"),
        (Product, {"product_id": "a/b"}, "printable characters without '/'.*product_id"),
        (Product, {"product_id": ".."}, "an id of 1 to 200.*product_id"),
        (Product, {"product_id": "x\n"}, "an id of 1 to 200.*product_id"),
        (Product, {"product_id": "x" * 201}, "length <= 200.*product_id"),
        (Product, {"currency": None}, "price_minor needs a currency"),
        (Feedback, {"user_id": "*"}, "an id of 1 to 200.*user_id"),
        (Feedback, {"kind": "wink"}, "Invalid enum value 'wink'.*kind"),
        (Feedback, {"propensity": 0}, "propensity"),
        (Feedback, {"occurred_at": "2026-11-23T09:30:00"}, "timezone.*occurred_at"),
        (Style, {"weights": None}, "exactly one of weights or reference_uri"),
        (Style, {"reference_uri": "s3://a"}, "exactly one of weights or reference_uri"),
        (Style, {"weights": {}}, "length >= 1.*weights"),
        (Style, {"weights": {"neon": -1}}, "> 0.*weights"),
        (Style, {"palette": ["red"]}, "'#rrggbb'.*palette"),
        (Style, {"style_id": "original"}, "reserved"),
        (StylizeJob, {"styles": []}, "length >= 1.*styles"),
    ],
)
def test_a_value_outside_its_limits_is_told_with_field_and_reason(event_type, change, reason):
    with pytest.raises(InvalidEvent, match=reason):
        decode(event_type, json.dumps(golden(event_type) | change))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"product_id": NaN}', "not JSON"),
        (b'{"product_id": "\xff"}', "not JSON"),
        (b'{"price_minor": 1e999}', "out of range"),
        (b"[" * 100_000, "not JSON|not a valid"),
        (b"[]", "Expected `object`"),
        (None, "not a tombstone"),
        (b" " * (MAX_BYTES + 1), "over the limit"),
    ],
)
def test_what_is_no_such_json_at_all_is_told(value, reason):
    with pytest.raises(InvalidEvent, match=reason):
        decode(Product, value)


@given(junk=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(junk):
    for event_type in EVENTS:
        with pytest.raises(InvalidEvent):
            decode(event_type, b"{" + junk)


def test_a_style_and_its_definition_draw_the_same():
    drawn = {"weights": {"neon": 2.0}, "palette": ["#0a3d62"], "strength": 0.5, "seed": 3}
    for kept in (False, True):
        style = Style(style_id="a", label="A", **drawn, keep_product_colour=kept)
        assert style.definition == StyleDefinition(**drawn, keep_product_colour=kept)


def test_a_definition_that_says_nothing_of_colour_is_written_as_it_always_was():
    assert encode(StyleDefinition(weights={"neon": 1.0})) == b'{"weights":{"neon":1.0}}'


def test_a_campaign_ends_after_it_starts():
    with pytest.raises(InvalidEvent, match="ends_at must be after"):
        decode(Campaign, b'{"starts_at":"2026-01-02T00:00:00Z","ends_at":"2026-01-01T00:00:00Z"}')
