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

from schemas.topics import (
    FEEDBACK,
    PLANNER_TABLES,
    PRODUCTS,
    RECOMMENDATIONS,
    TOPICS,
    USER_STATES,
    changelog_topic,
    dead_letter_topic,
)
from stylecore.errors import Permanent, Transient
from workers.kafka.admin import admin_client
from workers.kafka.topics import (
    apply_topics,
    check_topics,
    group_id,
    require_topics,
    require_user_partitions,
    show_topics,
    topic_name,
)
from workers.settings import load_settings

pytestmark = pytest.mark.integration


def test_apply_creates_every_topic_and_its_dead_letters(settings, topics):
    expected = {topic_name(settings, topic) for topic in TOPICS}
    expected |= {dead_letter_topic(topic_name(settings, t)) for t in TOPICS if t.dead_letters_of}
    group = group_id(settings, "planner")
    expected |= {changelog_topic(group, table) for table in PLANNER_TABLES}
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
        f"{feedback}: partitions is 5, wanted 4 (a note: it works all the same)",
    ]

    def found() -> list[str]:
        """All but the rule of the topics keyed by user."""
        rule = "topics keyed by user share one"
        differences = check_topics(settings, user_partitions=4)
        return [str(it) for it in differences if rule not in it.wanted]

    wait_until(lambda: found() == expected)
    assert apply_topics(settings, user_partitions=4) == [gone, products]
    wait_until(lambda: found() == expected[2:])


def test_topics_keyed_by_user_share_one_partition_count_and_all_else_is_a_note(settings, topics):
    """A platform team's own counts: feedback 48, states 3 (here 6 and 4)."""
    admin, states = admin_client(settings), topic_name(settings, USER_STATES)
    require_user_partitions(settings)
    for name in (topic_name(settings, FEEDBACK), topic_name(settings, PRODUCTS)):
        for future in admin.create_partitions([NewPartitions(name, 6)]).values():
            future.result(30)

    def errors() -> list[str]:
        return [it.topic for it in check_topics(settings, user_partitions=4) if it.is_error]

    wait_until(lambda: errors() == [states, topic_name(settings, RECOMMENDATIONS)])
    with pytest.raises(Permanent, match=f"{states}: partitions is 4, wanted 6, the count of"):
        require_user_partitions(settings)


def test_a_worker_is_told_which_topic_is_missing(settings):
    with pytest.raises(Permanent, match=r"no topic .*catalog\.products\.v1: run `stylecast"):
        require_topics(settings, [topic_name(settings, PRODUCTS)])


def test_a_broker_that_does_not_answer_is_transient(monkeypatch):
    monkeypatch.setattr("workers.kafka.admin.TIMEOUT_SECONDS", 1)
    away = load_settings(kafka={"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(Transient, match="cannot list the topics"):
        check_topics(away)
