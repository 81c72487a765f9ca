"""A dead letter fits its topic, whatever the record; it is counted when it is there."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import REGISTRY

from schemas.codec import decode
from stylecore.errors import Permanent
from stylecore.storage.store import Store
from workers.kafka.dead_letters import (
    PREFIX,
    SMALL_BYTES,
    TOPIC_BYTES,
    DeadLetterOutputs,
    Pointer,
    crash_dead_letter,
    dead_letter,
)
from workers.kafka.records import Output, Record, timestamp_problem
from workers.kafka.replay import dead_letter_of, original

NOW = 1_795_000_000_000.0


def record(value=b"{}", headers=(), key=b"ann", timestamp_ms=int(NOW)) -> Record:
    return Record(
        topic="feedback.events.v1",
        partition=3,
        offset=42,
        key=key,
        value=value,
        raw_headers=list(headers),
        timestamp_ms=timestamp_ms,
    )


def as_read(output: Output) -> Record:
    """A letter as `dead-letters` finds it in its topic."""
    return replace(
        record(output.value, output.headers, output.key, output.timestamp_ms), topic=output.topic
    )


def size(output: Output) -> int:
    return len(output.key or b"") + len(output.value or b"") + sum(
        len(name) + len(value) for name, value in output.headers
    )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"ann", b"a" * 2_000_000, [("mine", b"kept")]),
        (b"ann", b"a" * 20_000_000, []),
        (b"k" * 1_900_000, b"{}", [("mine", b"kept")]),
        (b"ann", b"a" * 2_000_000, [("mine", b"h" * 3_000_000), ("mine", b"")]),
        (None, b"a" * 2_000_000, []),
    ],
    ids=["value", "large value", "key", "headers", "no key"],
)
def test_a_record_that_its_topic_does_not_take_is_kept_in_the_store(store, key, value, headers):
    failed = record(value, headers, key)
    (letter,) = DeadLetterOutputs("w", store).fitted(
        [dead_letter(failed, "decode", ValueError("too long"))], NOW
    )
    assert size(letter) < TOPIC_BYTES
    pointer = decode(Pointer, letter.value)
    assert pointer.sha256 == sha256(value).hexdigest()
    assert store.get(pointer.value_uri) == value
    found = original(dead_letter_of(as_read(letter), replayed=False), store)
    assert (found.key, found.value) == (key, value)
    assert [pair for pair in found.headers if not pair[0].startswith(PREFIX)] == headers
    reasons = dict(letter.headers)
    assert reasons[f"{PREFIX}exception.message"] == b"too long"
    assert reasons[f"{PREFIX}offset"] == b"42"


def test_what_is_refused_is_made_smaller_until_it_fits(store):
    letters = DeadLetterOutputs("w", store)
    outputs = [dead_letter(record(b"a" * 300_000), "decode", ValueError("x")),
               Output(topic="other", key=b"", value=b"b" * 300_000)]  # fmt: skip
    topic = outputs[0].topic
    assert letters.fitted(outputs, NOW) == outputs
    assert letters.refused(topic, outputs)
    fitted = letters.fitted(outputs, NOW)
    assert size(fitted[0]) < SMALL_BYTES
    assert fitted[1] == outputs[1]
    assert not letters.refused(topic, fitted)
    assert not letters.refused("other", fitted)


@given(st.integers(0, 3_000), st.sampled_from([100_000, 700_000, 2_500_000]))
def test_a_small_record_is_never_replaced(length, most):
    letters = DeadLetterOutputs("w", Store("memory://small"))
    output = dead_letter(record(b"a" * length), "decode", ValueError("x"))
    letters.refused(output.topic, [replace(output, value=b"a" * most)])
    assert letters.fitted([output], NOW) == [output]


def test_a_pointer_that_somebody_else_wrote_is_not_followed(store):
    forged = encode_pointer("file:///etc/passwd")
    failed = record(forged, [(f"{PREFIX}original.uri", b"file:///etc/passwd")])
    (letter,) = DeadLetterOutputs("w", store).fitted([dead_letter(failed, "x", ValueError())], NOW)
    assert original(dead_letter_of(as_read(letter), replayed=False), store).value == forged
    stranger = as_read(replace(letter, headers=[(f"{PREFIX}original.uri", b"x")]))
    with pytest.raises(Permanent):
        original(dead_letter_of(stranger, replayed=False), store)


def encode_pointer(uri: str) -> bytes:
    return f'{{"value_uri":"{uri}","sha256":"{"0" * 64}","bytes":1}}'.encode()


@pytest.mark.parametrize(
    "stamp",
    [
        -(2**63),
        -1,
        0,
        1_000,
        int(NOW) - 40 * 86_400_000,
        int(NOW * 1000),
        2**62,
        int(NOW) + 7_200_000,
    ],
)
def test_a_letter_is_kept_by_its_topic_and_remembers_the_records_timestamp(store, stamp):
    """Retention removes the old at once; a broker refuses what is over an hour ahead."""
    failed = record(b"x", timestamp_ms=stamp)
    (letter,) = DeadLetterOutputs("w", store).fitted([dead_letter(failed, "x", ValueError())], NOW)
    assert letter.timestamp_ms == int(NOW)
    assert dead_letter_of(as_read(letter), replayed=False).record.timestamp_ms == stamp


def test_letters_are_counted_after_their_commit_and_crashes_as_such(store):
    def count(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0

    topic = "feedback.events.v1"
    labels = {"topic": topic, "error": "ZeroDivisionError"}
    before = count("stylecast_dead_letters_total", **labels)
    crashes = count("stylecast_crashes_total", worker="w", **labels)
    letters = DeadLetterOutputs("w", store)
    try:
        place = 1 / 0
    except ZeroDivisionError as problem:
        place = crash_dead_letter(record(), problem)
    fitted = letters.fitted([place], NOW)
    assert count("stylecast_dead_letters_total", **labels) == before
    letters.committed(fitted)
    assert count("stylecast_dead_letters_total", **labels) == before + 1
    assert count("stylecast_crashes_total", worker="w", **labels) == crashes + 1


def test_a_crash_names_the_place_in_our_code():
    try:
        decode(Pointer, b"{}")
    except ValueError as problem:
        letter = crash_dead_letter(record(), problem)
    message = dict(letter.headers)[f"{PREFIX}exception.message"].decode()
    assert " (at schemas/codec.py:" in message
    assert message.endswith("in _decode_plain)")


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        (int(NOW * 1000), "looks like microseconds"),
        (int(NOW * 1_000_000), "looks like nanoseconds"),
        (int(NOW / 1000), "looks like seconds"),
        (-1, "not within 2000"),
        (-(2**63), "not within 2000"),
        (2**63 - 1, "not within 2000"),
        (int(NOW) + 2 * 86_400_000, "not within 2000"),
    ],
)
def test_a_timestamp_out_of_range_is_told_and_never_raises(stamp, words):
    found = record(timestamp_ms=stamp)
    assert found.at.year in range(1970, 10_000)
    assert words in str(timestamp_problem(found, NOW))


@given(st.integers(946_684_800_000, int(NOW) + 86_400_000))
def test_a_timestamp_in_range_is_itself(stamp):
    found = record(timestamp_ms=stamp)
    assert timestamp_problem(found, NOW) is None
    assert round(found.at.timestamp() * 1000) == stamp
