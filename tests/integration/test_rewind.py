"""Offsets that are reset, a topic that is created again: nothing counts twice or is lost."""

import signal
from datetime import UTC, datetime

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic
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

from schemas.codec import decode
from schemas.events import UserState
from schemas.topics import FEEDBACK, RECOMMENDATIONS, USER_STATES
from workers.kafka.admin import admin_client, cluster
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.kafka.topics import group_id, topic_name

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

SHOPPERS = [f"shopper-{number}" for number in range(8)]


def test_a_rewound_group_changes_no_state_and_writes_no_list(settings, environment, tmp_path):
    products = publish_products(settings, 4)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        act(settings, products, 0)
        with Publisher(settings, "/test") as publisher:
            publisher.send_raw(tombstone(settings, FEEDBACK, SHOPPERS[0].encode()))
        publish(settings, replace(click(90, SHOPPERS[1], products[0]), product_id="nothing"))
        act(settings, products, 100)
        wait_until(lambda: clicks(settings) == {**dict.fromkeys(SHOPPERS, 8), SHOPPERS[0]: 4}, 60)
        states, lists = read_all(settings, USER_STATES), lists_of(settings)
        stop(fleet)
        rewind(settings)

        fleet.start("preferences")
        act(settings, products[:1], 200)
        wait_until(lambda: clicks(settings) == {**dict.fromkeys(SHOPPERS, 9), SHOPPERS[0]: 5}, 60)
    after = read_all(settings, USER_STATES)
    known = {(record.partition, record.offset): record.value for record in after}
    assert all(known[record.partition, record.offset] == record.value for record in states)
    assert len(after) == len(states) + len(SHOPPERS), "the last clicks alone change states"
    assert len(lists_of(settings)) == len(lists) + len(SHOPPERS)
    assert len(read_dead_letters_of(settings, FEEDBACK)) == 1


def test_a_feedback_topic_that_is_created_again_is_read_from_its_first_record(
    settings, environment, tmp_path
):
    products = publish_products(settings, 4)
    name = topic_name(settings, FEEDBACK)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        act(settings, products, 0)
        wait_until(lambda: clicks(settings) == dict.fromkeys(SHOPPERS, 4), 60)
        stop(fleet)
        admin = admin_client(settings)
        admin.delete_topics([name])[name].result(30)
        wait_until(lambda: is_created(admin, name), 30)
        wait_until(lambda: name in cluster(admin).topics, 30)
        act(settings, products[:1], 100)
        fleet.start("preferences")
        wait_until(lambda: clicks(settings) == dict.fromkeys(SHOPPERS, 5), 60)


def act(settings, products, first):
    """Every shopper clicks each of the products."""
    with Publisher(settings, "/test") as publisher:
        for place, product in enumerate(products):
            for number, user_id in enumerate(SHOPPERS, start=first + place * len(SHOPPERS)):
                publisher.send(FEEDBACK, click(number, user_id, product), datetime.now(UTC))


def publish(settings, event):
    with Publisher(settings, "/test") as publisher:
        publisher.send(FEEDBACK, event, datetime.now(UTC))


def clicks(settings):
    """How many events each shopper's state has counted."""
    states = latest(read_all(settings, USER_STATES)).values()
    return {
        state.user_id: len(state.recent_events)
        for state in (decode(UserState, value) for value in states)
    }


def lists_of(settings):
    return [record for record in read_all(settings, RECOMMENDATIONS) if record.key != b"*"]


def stop(fleet):
    worker = fleet.processes.pop("preferences")
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)


def rewind(settings):
    """Commit offset 0 of every partition, as soon as the group has no member."""
    name, group = topic_name(settings, FEEDBACK), group_id(settings, "preferences")
    places = [TopicPartition(name, number, 0) for number in range(PARTITIONS)]
    admin = admin_client(settings)

    def is_reset():
        wanted = [ConsumerGroupTopicPartitions(group, places)]
        try:
            found = admin.alter_consumer_group_offsets(wanted)[group].result(30)
        except KafkaException:
            return False  # the static member is still counted in
        return all(place.error is None for place in found.topic_partitions)

    wait_until(is_reset, 60)


def is_created(admin, name):
    """Whether the topic could be created: not before the old one is gone."""
    try:
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    except KafkaException:
        return False
    return True
