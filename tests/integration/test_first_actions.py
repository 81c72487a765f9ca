"""What a preferences worker makes of a shopper's first actions, at once and by any clock."""

from datetime import UTC, datetime, timedelta

import pytest
from helpers import wait_until
from integration.shop import click, latest, publish_products, read_all, shop_fleet
from msgspec.structs import replace

from schemas.codec import decode
from schemas.events import Recommendations, UserState
from schemas.topics import FEEDBACK, RECOMMENDATIONS, USER_STATES
from workers.kafka.producer import Publisher
from workers.kafka.records import output_of

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

DAY = timedelta(days=1)


def test_the_first_click_of_a_new_shopper_moves_the_list(settings, environment, tmp_path):
    products = publish_products(settings, 24)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: list_of(settings, "*") is not None, 60)
        before = list_of(settings, "*")
        last = before.items[-3].product_id
        liked = next(product for product in products if product.product_id == last)
        publish(settings, click(1, "ann", liked))
        wait_until(lambda: list_of(settings, "ann") is not None, 60)
        after = list_of(settings, "ann")

    category_of = {product.product_id: product.category for product in products}
    of_its_kind = sum(category == liked.category for category in category_of.values())
    first = [category_of[item.product_id] for item in after.items[:of_its_kind]]
    assert first == [liked.category] * of_its_kind
    assert [category_of[item.product_id] for item in before.items[:of_its_kind]] != first
    assert liked.product_id in after.items[0].reason.because
    assert after.caused_by == "event-1"


def test_a_clock_that_is_wrong_by_a_day_spoils_nothing(settings, environment, tmp_path):
    """`event` clocks are the storefront's, `record` clocks those of its Kafka client.

    Kafka itself refuses records from more than an hour ahead (message.timestamp.after.max.ms).
    """
    products = publish_products(settings, 2)
    now = datetime.now(UTC)
    clocks = {
        "right": (now, now),
        "event-behind": (now - DAY, now),
        "event-ahead": (now + DAY, now),
        "record-behind": (now - DAY, now - DAY),
        "record-ahead": (now + DAY, now + timedelta(minutes=50)),
    }
    last = {f"event-{100 + place}" for place in range(len(clocks))}
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        for place, (user_id, (event_at, record_at)) in enumerate(clocks.items()):
            first = replace(click(place, user_id, products[0]), occurred_at=event_at)
            publish(settings, first, at=record_at)
            publish(settings, click(100 + place, user_id, products[0]))
        wait_until(lambda: {cause_of(settings, user_id) for user_id in clocks} == last, 60)

    weights = {user_id: state_of(settings, user_id).interactions[0].weight for user_id in clocks}
    day_old = 1 + 2 ** (-1 / settings.preferences.half_life_days)
    assert weights == pytest.approx(
        {
            "right": 2,
            "event-behind": day_old,
            "event-ahead": 2,
            "record-behind": day_old,
            "record-ahead": 2,
        },
        abs=1e-4,
    )
    assert all(list_of(settings, user_id).items for user_id in clocks)


def publish(settings, event, at=None):
    """With the record's timestamp, as a client's clock would set it."""
    with Publisher(settings, "/test") as publisher:
        now = datetime.now(UTC)
        record = output_of(settings, FEEDBACK, event, source="/test", now=now)
        moment = at or now
        publisher.send_raw(replace(record, timestamp_ms=round(moment.timestamp() * 1000)))


def list_of(settings, user_id):
    found = latest(read_all(settings, RECOMMENDATIONS)).get(user_id.encode())
    return None if found is None else decode(Recommendations, found)


def state_of(settings, user_id):
    found = latest(read_all(settings, USER_STATES)).get(user_id.encode())
    return None if found is None else decode(UserState, found)


def cause_of(settings, user_id):
    found = list_of(settings, user_id)
    return None if found is None else found.caused_by


def test_a_record_dated_ahead_leaves_the_time_of_others_in_its_batch_alone(
    settings, environment, tmp_path
):
    products = publish_products(settings, 2)
    now = datetime.now(UTC).replace(microsecond=0)
    clocks = {"right": now, "ahead": now + timedelta(minutes=50)}
    for place, (user_id, at) in enumerate(clocks.items()):
        publish(settings, replace(click(place, user_id, products[0]), occurred_at=now), at=at)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: all(list_of(settings, user_id) for user_id in clocks), 60)
    lists = {user_id: list_of(settings, user_id) for user_id in clocks}
    assert {user_id: found.generated_at for user_id, found in lists.items()} == clocks
    valid = timedelta(hours=settings.preferences.valid_hours)
    assert {user_id: found.valid_until - valid for user_id, found in lists.items()} == clocks
    for topic in (USER_STATES, RECOMMENDATIONS):
        times = {
            record.key.decode(): datetime.fromisoformat(dict(record.headers)["ce_time"].decode())
            for record in read_all(settings, topic)
            if record.key != b"*"
        }
        assert times == clocks
