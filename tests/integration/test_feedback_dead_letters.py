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

from schemas.codec import encode
from schemas.topics import FEEDBACK, USER_STATES
from workers.partitioner import partition_of
from workers.publisher import Publisher
from workers.records import Output

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


def test_each_bad_record_is_told_and_a_good_one_beside_them_counts(settings, environment, tmp_path):
    (product,) = publish_products(settings, 1)
    good = click(1, "ann", product)
    with Publisher(settings, "/test") as publisher:
        topic = publisher.topic(FEEDBACK)
        unknown = replace(good, event_id="event-2", product_id="nothing")
        absurd = encode(good).replace(b'"click"', b'"stare"')
        for key, value in (
            (b"ann", encode(unknown)),
            (b"somebody", encode(good)),
            (b"ann", absurd),
            (b"ann", b'{"event_id": NaN'),
            (b"ann", encode(replace(good, occurred_at=datetime(1, 1, 1, tzinfo=UTC)))),
            (b"ann", encode(replace(good, occurred_at=datetime(9999, 12, 31, tzinfo=UTC)))),
        ):
            publisher.send_raw(Output(topic=topic, key=key, value=value))
        publisher.send(FEEDBACK, good, datetime.now(UTC))
        number = partition_that_is_not_of(b"ann")
        publisher.send_raw(Output(topic=topic, key=b"ann", value=encode(good), partition=number))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: len(read_dead_letters_of(settings, FEEDBACK)) == 7, 60)
        wait_until(lambda: set(latest(read_all(settings, USER_STATES))) == {b"ann"}, 60)
    errors = [
        dict(letter.headers)["__connect.errors.exception.class.name"]
        for letter in read_dead_letters_of(settings, FEEDBACK)
    ]
    expected = {"InvalidEvent": 2, "Misplaced": 2, "TimeOutOfRange": 2, "UnknownProduct": 1}
    assert Counter(error.decode() for error in errors) == expected


def partition_that_is_not_of(key: bytes) -> int:
    return (partition_of(key, PARTITIONS) + 1) % PARTITIONS
