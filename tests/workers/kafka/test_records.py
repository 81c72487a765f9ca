"""Records keep their place; dead letters keep everything and say why; keys go where Java's go."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Feedback, Product
from schemas.topics import PRODUCTS
from workers.kafka.dead_letters import dead_letter, decode_records
from workers.kafka.records import Record, output_of, partition_of, tombstone
from workers.settings import load_settings

SETTINGS = load_settings(kafka={"topic_prefix": "t."})
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PRODUCT = Product(product_id="mug", title="Mug", category="mugs", image_uri="mug.jpg")


def record(value=b"{}", headers=()):
    return Record(
        topic="t.feedback.events.v1",
        partition=3,
        offset=42,
        key=b"shopper",
        value=value,
        raw_headers=list(headers),
        timestamp_ms=1_763_890_200_123,
    )


def test_an_output_carries_cloudevents_the_trace_and_the_place_of_its_input():
    cause = record(headers=[("traceparent", b"00-abc-def-01")])
    output = output_of(SETTINGS, PRODUCTS, PRODUCT, source="/test", now=NOW, cause=cause)
    headers = dict(output.headers)
    assert (output.topic, output.key) == ("t.catalog.products.v1", b"mug")
    assert headers["ce_type"] == b"com.stylecast.product.v1"
    assert headers["ce_time"] == b"2026-11-23T09:30:00Z"
    assert headers["traceparent"] == b"00-abc-def-01"
    assert headers["stylecast.input.topic"] == b"t.feedback.events.v1"
    assert headers["stylecast.input.partition"] == b"3"
    assert headers["stylecast.input.offset"] == b"42"
    assert tombstone(SETTINGS, PRODUCTS, b"mug").value is None


def test_a_dead_letter_is_the_record_untouched_with_the_reason_in_connects_headers():
    letter = dead_letter(record(b"{broken", [("mine", b"kept")]), "decode", ValueError("no JSON"))
    assert (letter.topic, letter.key, letter.value, letter.timestamp_ms) == (
        "t.feedback.events.v1.dlq",
        b"shopper",
        b"{broken",
        1_763_890_200_123,
    )
    assert letter.headers == [
        ("mine", b"kept"),
        ("__connect.errors.topic", b"t.feedback.events.v1"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"42"),
        ("__connect.errors.stage", b"decode"),
        ("__connect.errors.exception.class.name", b"ValueError"),
        ("__connect.errors.exception.message", b"no JSON"),
        ("__connect.errors.attempts", b"1"),
    ]


def test_a_replayed_record_that_fails_again_says_how_often():
    first = dead_letter(record(), "check", ValueError("a"))
    second = dead_letter(record(headers=first.headers), "check", ValueError("b"))
    assert dict(second.headers)["__connect.errors.attempts"] == b"2"
    assert len(second.headers) == len(first.headers)


def test_what_cannot_be_decoded_is_set_aside_and_the_rest_goes_on():
    good = record(
        b'{"event_id":"e","user_id":"u","kind":"click","product_id":"p",'
        b'"occurred_at":"2026-01-01T00:00:00Z"}'
    )
    decoded, dead = decode_records([record(b"?"), good, record(None)], Feedback)
    assert [event.event_id for _, event in decoded] == ["e"]
    assert [letter.value for letter in dead] == [b"?", None]


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_keys_hash_as_in_apache_kafkas_own_tests(key, hashed):
    assert murmur2_by_definition(key) == hashed % 2**32
    assert partition_of(key, 12) == (hashed % 2**31) % 12


@given(st.binary(max_size=40), st.integers(1, 1000))
def test_every_key_goes_to_the_partition_that_murmur2_gives(key, partitions):
    assert partition_of(key, partitions) == murmur2_by_definition(key) % 2**31 % partitions


def murmur2_by_definition(data: bytes) -> int:
    """Austin Appleby's hash with the seed of org.apache.kafka.common.utils.Utils.murmur2."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    value = 0x9747B28C ^ len(data)
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word ^= word >> 24
        value = (value * multiplier & mask) ^ (word * multiplier & mask)
    if whole < len(data):
        value ^= int.from_bytes(data[whole:], "little")
        value = value * multiplier & mask
    value ^= value >> 13
    value = value * multiplier & mask
    return value ^ (value >> 15)
