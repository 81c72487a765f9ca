"""`stylecast forget` erases a shopper by an event, in order with the shopper's other events."""

import json
import threading
from datetime import UTC, datetime

import pytest
from command_line import stylecast
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

from schemas.codec import decode
from schemas.events import ModelAnnouncement, UserState
from schemas.topics import FEEDBACK, PREFERENCE_MODELS, RECOMMENDATIONS, USER_STATES
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.kafka.topics import topic_name
from workers.preferences.state import read_states

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


def test_a_forgotten_shopper_is_in_no_topic_and_in_no_restored_state(
    settings, environment, tmp_path
):
    products = publish_products(settings, 2)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        publish(settings, click(1, "ann", products[0]), click(2, "bob", products[0]))
        wait_until(lambda: known(settings) == {b"ann", b"bob"}, 60)

        asked = forget("ann", environment)
        assert asked.returncode == 0, asked.stderr
        assert json.loads(asked.stdout) == {"user_id": "ann", "topic": "feedback.events.v1"}
        wait_until(lambda: known(settings) == {b"bob"}, 60)
        assert b"ann" not in latest(read_all(settings, RECOMMENDATIONS))

        # What the trainer and a successor of the worker start from.
        assert set(restored(settings)) == {"bob"}

        publish(settings, click(3, "ann", products[1]))
        wait_until(lambda: b"ann" in latest(read_all(settings, RECOMMENDATIONS)), 60)
        state = decode(UserState, latest(read_all(settings, USER_STATES))[b"ann"])
        assert [seen.product_id for seen in state.interactions] == [products[1].product_id]


def test_a_tombstone_holds_its_place_among_the_events_of_one_batch(settings, environment, tmp_path):
    products = publish_products(settings, 2)
    with Publisher(settings, "/test") as publisher:
        publisher.send(FEEDBACK, click(1, "ann", products[0]), datetime.now(UTC))
        publisher.send_raw(tombstone(settings, FEEDBACK, b"ann"))
        publisher.send(FEEDBACK, click(2, "ann", products[1]), datetime.now(UTC))
        publisher.send(FEEDBACK, click(3, "bob", products[1]), datetime.now(UTC))
        publisher.send_raw(tombstone(settings, FEEDBACK, b"bob"))
        publisher.send_raw(tombstone(settings, FEEDBACK, b".."))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: read_dead_letters_of(settings, FEEDBACK) != [], 60)
        wait_until(lambda: known(settings) == {b"ann"}, 60)
        wait_until(lambda: b"bob" in {r.key for r in read_all(settings, USER_STATES)}, 60)
    states = restored(settings)
    assert set(states) == {"ann"}
    (seen,) = states["ann"].interactions
    assert seen.product_id == products[1].product_id
    (letter,) = read_dead_letters_of(settings, FEEDBACK)
    assert (letter.key, letter.value) == (b"..", None)


def test_the_trainer_s_next_factors_are_made_without_the_shopper(settings, environment, tmp_path):
    products = publish_products(settings, 4)
    eager = {**environment, "STYLECAST_TRAINER__REFIT_RECORDS": "1"}
    people = ["ann", "bob", "cleo"]
    with shop_fleet(settings, eager, tmp_path) as fleet:
        fleet.start("preferences")
        for place, user_id in enumerate(people):
            publish(settings, *(click(9 * place + n, user_id, products[n]) for n in (0, place)))
        wait_until(lambda: known(settings) == {b"ann", b"bob", b"cleo"}, 60)
        fleet.start("trainer")
        wait_until(lambda: fitted_users(settings) == 3, 60)

        assert forget("ann", environment).returncode == 0
        wait_until(lambda: fitted_users(settings) == 2, 60)


def test_what_is_no_user_id_is_refused_before_it_is_sent(environment):
    refused = forget("..", environment)
    assert refused.returncode == 1
    assert "is no user id" in refused.stderr


def forget(user_id, environment):
    return stylecast("forget", user_id, "--json", **environment)


def publish(settings, *events):
    with Publisher(settings, "/test") as publisher:
        for event in events:
            publisher.send(FEEDBACK, event, datetime.now(UTC))


def fitted_users(settings):
    """How many shoppers the announced factors were made of; 0 while there are none."""
    news = latest(read_all(settings, PREFERENCE_MODELS)).get(b"preferences")
    return 0 if news is None else decode(ModelAnnouncement, news).metrics["users"]


def known(settings):
    return set(latest(read_all(settings, USER_STATES)))


def restored(settings):
    """All shoppers as a restore reads them."""
    topic = topic_name(settings, USER_STATES)
    states = read_states(settings, topic, list(range(PARTITIONS)), threading.Event())
    return {user_id: state for part in states.values() for user_id, state in part.items()}
