"""`topics apply / check / show` against a real cluster."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)
from helpers import wait_until

from schemas.topics import FEEDBACK, PRODUCTS, TOPICS, dead_letter_topic
from stylecore.errors import Permanent, Transient
from workers.admin import admin_client
from workers.settings import load_settings
from workers.topics import (
    apply_topics,
    check_topics,
    require_topics,
    show_topics,
    topic_name,
)

pytestmark = pytest.mark.integration


def test_apply_creates_every_topic_and_its_dead_letters(settings, topics):
    expected = {topic_name(settings, topic) for topic in TOPICS}
    expected |= {dead_letter_topic(topic_name(settings, t)) for t in TOPICS if t.dead_letters_of}
    assert set(topics) == expected
    assert check_topics(settings, user_partitions=4) == []


def test_applied_again_it_touches_nothing(settings, topics):
    assert apply_topics(settings, user_partitions=4) == []


def test_shows_what_the_cluster_has(settings, topics):
    by_name = {topic.name: topic for topic in show_topics(settings)}
    products = by_name[topic_name(settings, PRODUCTS)]
    assert products.partitions == 4
    assert products.replication_factor == 1
    assert products.config == PRODUCTS.config


def test_check_names_each_difference_and_apply_repairs_configuration(settings, topics):
    admin = admin_client(settings)
    products, feedback = topic_name(settings, PRODUCTS), topic_name(settings, FEEDBACK)
    gone = dead_letter_topic(products)
    change = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, products, incremental_configs=[change])
    for future in (
        *admin.incremental_alter_configs([resource]).values(),
        *admin.create_partitions([NewPartitions(feedback, 5)]).values(),
        *admin.delete_topics([gone]).values(),
    ):
        future.result(30)

    expected = [
        f"{products}: cleanup.policy is delete, wanted compact",
        f"{gone}: the topic is missing, wanted there",
        f"{feedback}: partitions is 5, wanted 4",
    ]
    wait_until(lambda: [str(d) for d in check_topics(settings, user_partitions=4)] == expected)

    assert apply_topics(settings, user_partitions=4) == [gone, products]
    wait_until(
        lambda: [d.what for d in check_topics(settings, user_partitions=4)] == ["partitions"]
    )


def test_a_worker_is_told_which_topic_is_missing(settings):
    with pytest.raises(Permanent, match=r"no topic .*catalog\.products\.v1: run `stylecast"):
        require_topics(settings, [topic_name(settings, PRODUCTS)])


def test_a_broker_that_does_not_answer_is_transient(monkeypatch):
    monkeypatch.setattr("workers.admin.TIMEOUT_SECONDS", 1)
    away = load_settings(kafka={"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(Transient, match="cannot list the topics"):
        check_topics(away)
