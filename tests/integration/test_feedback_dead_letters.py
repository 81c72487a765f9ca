"""Feedback that cannot be taken becomes a dead letter with its reason; the rest goes on."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from helpers import wait_until
from integration.shop import (
    PARTITIONS,
    click,
    latest,
    publish_products,
    read_all,
    read_dead_letters_of,
    shop_fleet,
)
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.events import UserState
from schemas.topics import FEEDBACK, USER_STATES
from workers.kafka.producer import Publisher
from workers.kafka.records import FORWARDED_FROM, Output, partition_of

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


def test_each_bad_record_is_told_and_a_good_one_beside_them_counts(settings, environment, tmp_path):
    (product,) = publish_products(settings, 1)
    good = click(1, "ann", product)
    unknown = replace(good, event_id="event-2", product_id="nothing")
    absurd = encode(good).replace(b'"click"', b'"stare"')
    with Publisher(settings, "/test") as publisher:
        topic = publisher.topic(FEEDBACK)
        for value in (
            encode(unknown),
            absurd,
            b'{"event_id": NaN',
            encode(replace(good, occurred_at=datetime(1, 1, 1, tzinfo=UTC))),
            encode(replace(good, occurred_at=datetime(9999, 12, 31, tzinfo=UTC))),
        ):
            publisher.send_raw(Output(topic=topic, key=b"ann", value=value))
        publisher.send(FEEDBACK, good, datetime.now(UTC))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: len(read_dead_letters_of(settings, FEEDBACK)) == 5, 60)
        wait_until(lambda: set(latest(read_all(settings, USER_STATES))) == {b"ann"}, 60)
    errors = [
        dict(letter.headers)["__connect.errors.exception.class.name"]
        for letter in read_dead_letters_of(settings, FEEDBACK)
    ]
    expected = {"InvalidEvent": 2, "TimeOutOfRange": 2, "UnknownProduct": 1}
    assert Counter(error.decode() for error in errors) == expected


def test_misplaced_feedback_is_forwarded_once_and_counts_once(settings, environment, tmp_path):
    """Of a client that partitions by another hash, and of one that keys by another field."""
    (product,) = publish_products(settings, 1)
    home = partition_of(b"ann", PARTITIONS)
    away = (home + 1) % PARTITIONS
    by_partition, by_key, no_key, twice = (
        encode(click(number, "ann", product)) for number in range(4)
    )
    before = [("mine", b"kept"), ("traceparent", b"00-1-2-01")]
    with Publisher(settings, "/test") as publisher:
        topic = publisher.topic(FEEDBACK)
        stamp = int(datetime.now(UTC).timestamp() * 1000) - 60_000
        for key, value, partition, headers in (
            (b"ann", by_partition, away, before),
            (b"a cart", by_key, away, before),
            (None, no_key, away, before),
            (b"ann", twice, away, [*before, (FORWARDED_FROM, b"feedback/0/0")]),
            (b"bob", None, (partition_of(b"bob", PARTITIONS) + 1) % PARTITIONS, before),
        ):
            publisher.send_raw(
                Output(
                    topic=topic,
                    key=key,
                    value=value,
                    partition=partition,
                    headers=headers,
                    timestamp_ms=stamp,
                )
            )
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")

        def interactions() -> int:
            state = latest(read_all(settings, USER_STATES)).get(b"ann")
            return len(decode(UserState, state).recent_events) if state else 0

        wait_until(lambda: interactions() == 3, 60)
        wait_until(lambda: read_dead_letters_of(settings, FEEDBACK), 60)
    moved = [
        it
        for it in read_all(settings, FEEDBACK)
        if FORWARDED_FROM in dict(it.headers) and it.value != twice
    ]
    assert sorted((it.key, it.partition) for it in moved) == sorted(
        [(b"ann", home)] * 3 + [(b"bob", partition_of(b"bob", PARTITIONS))]
    )
    for record in moved:
        assert record.timestamp_ms == stamp
        assert record.headers[:2] == before
        assert dict(record.headers)[FORWARDED_FROM].startswith(topic.encode() + b"/")
    (letter,) = read_dead_letters_of(settings, FEEDBACK)
    assert dict(letter.headers)["__connect.errors.exception.class.name"] == b"Misplaced"
