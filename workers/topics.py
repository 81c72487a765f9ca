"""The topics on the cluster: their names, and how to create, check and show them.

What ought to be stands in schemas.topics; this module compares a cluster with that table. It
never deletes a topic and never changes a partition count, for a key would change its partition:
that stays a person's decision, and `check_topics` says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from msgspec import Struct

from schemas.topics import (
    DEAD_LETTER_CONFIG,
    TOPICS,
    USER_PARTITIONS,
    Topic,
    dead_letter_topic,
)
from stylecore.errors import Permanent, Transient
from workers.admin import TIMEOUT_SECONDS, admin_client, answer, cluster, in_words, patiently
from workers.settings import Settings


class WantedTopic(Struct, frozen=True):
    """A topic as the table wants it on this cluster, with the name that it has there."""

    name: str
    partitions: int
    config: dict[str, str]


class FoundTopic(Struct, frozen=True):
    """A topic as the cluster has it; `config` holds what the table speaks of."""

    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]


class Difference(Struct, frozen=True):
    """One way in which the cluster is not as the table wants it."""

    topic: str
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, wanted {self.wanted}"


def topic_name(settings: Settings, topic: Topic | str) -> str:
    """The name on the cluster: the contract's, after the prefix of this fleet."""
    name = topic if isinstance(topic, str) else topic.name
    return settings.kafka.topic_prefix + name


def group_id(settings: Settings, worker: str) -> str:
    """`stylecast-<worker>` after the prefix of this fleet."""
    return f"{settings.kafka.topic_prefix}stylecast-{worker}"


def transactional_id(settings: Settings, worker: str) -> str:
    """Names this instance of the worker, the same after a restart; also its group.instance.id."""
    return f"{group_id(settings, worker)}-{settings.worker.instance}"


def wanted_topics(
    settings: Settings, user_partitions: int = USER_PARTITIONS
) -> Iterator[WantedTopic]:
    """Every topic of the table, each followed by its dead letters if it has any."""
    for topic in TOPICS:
        by_user = topic.partitions == USER_PARTITIONS
        partitions = user_partitions if by_user else topic.partitions
        name = topic_name(settings, topic)
        yield WantedTopic(name, partitions, topic.config)
        if topic.dead_letters_of:
            yield WantedTopic(dead_letter_topic(name), partitions, DEAD_LETTER_CONFIG)


def apply_topics(settings: Settings, user_partitions: int = USER_PARTITIONS) -> list[str]:
    """Creates what is missing and sets what differs; the names of the topics touched.

    Applied again, it touches nothing. Partition counts are left as they are (`check_topics`).
    Raises Transient when the broker does not answer, Permanent when it refuses.
    """
    admin = admin_client(settings)
    wanted = list(wanted_topics(settings, user_partitions))
    created = _create_missing(admin, wanted, settings.kafka.replication_factor)
    return created + _set_configs(admin, wanted, settings)


def check_topics(settings: Settings, user_partitions: int = USER_PARTITIONS) -> list[Difference]:
    """How the cluster differs from the table; empty when it does not. Raises Transient."""
    found = {topic.name: topic for topic in show_topics(settings)}
    return [
        difference
        for wanted in wanted_topics(settings, user_partitions)
        for difference in differences(wanted, found.get(wanted.name))
    ]


def topic_id(settings: Settings, name: str) -> str:
    """The cluster's id of a topic: another one when it was deleted and created again.

    Raises Transient while the broker is away, Permanent where the topic is missing.
    """
    admin = admin_client(settings)

    def ask() -> str:
        future = admin.describe_topics(TopicCollection([name]), request_timeout=TIMEOUT_SECONDS)[
            name
        ]
        return str(answer(f"cannot describe {name}", future.result).topic_id)

    return patiently(ask)


def differences(wanted: WantedTopic, found: FoundTopic | None) -> Iterator[Difference]:
    """How one topic differs from what is wanted."""
    if found is None:
        yield Difference(wanted.name, "the topic", "there", "missing")
        return
    if found.partitions != wanted.partitions:
        yield Difference(wanted.name, "partitions", str(wanted.partitions), str(found.partitions))
    for name, value in wanted.config.items():
        if found.config.get(name) != value:
            yield Difference(wanted.name, name, value, str(found.config.get(name)))


def show_topics(settings: Settings) -> list[FoundTopic]:
    """The table's topics that the cluster has, in the table's order. Raises Transient."""
    admin = admin_client(settings)
    return patiently(lambda: _show_topics(admin, settings))


def _show_topics(admin: AdminClient, settings: Settings) -> list[FoundTopic]:
    """Raises Transient also where a topic is listed that is going, or has only just come."""
    wanted = list(wanted_topics(settings))
    there = cluster(admin).topics
    present = [topic for topic in wanted if topic.name in there]
    configs = _configs(admin, [topic.name for topic in present])
    return [
        FoundTopic(
            name=topic.name,
            partitions=len(there[topic.name].partitions),
            replication_factor=min(
                len(part.replicas) for part in there[topic.name].partitions.values()
            ),
            config={name: configs[topic.name][name] for name in topic.config},
        )
        for topic in present
    ]


def require_topics(settings: Settings, names: list[str]) -> None:
    """Raises Permanent naming what is missing of these (cluster) names, with the remedy."""
    there = cluster(admin_client(settings)).topics
    missing = [name for name in names if name not in there]
    if missing:
        raise Permanent(
            f"the cluster at {settings.kafka.bootstrap_servers} has no topic "
            f"{', '.join(missing)}: run `stylecast topics apply`"
        )


def _create_missing(admin: AdminClient, wanted: list[WantedTopic], replicas: int) -> list[str]:
    there = cluster(admin).topics
    new = [
        NewTopic(topic.name, topic.partitions, replicas, config=dict(topic.config))
        for topic in wanted
        if topic.name not in there
    ]
    if not new:
        return []
    futures = admin.create_topics(new)
    created = [name for name, future in futures.items() if _created(name, future)]
    _wait_until_visible(admin, set(futures))
    return created


def _wait_until_visible(admin: AdminClient, names: set[str]) -> None:
    """The controller answers before every broker knows the topics."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while names - cluster(admin).topics.keys():
        if time.monotonic() > deadline:
            raise Transient("the brokers do not show the topics that were created just now")
        time.sleep(0.05)


def _created(name: str, future: Future[None]) -> bool:
    try:
        future.result(TIMEOUT_SECONDS)
    except KafkaException as problem:
        if problem.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False  # another process was quicker
        raise in_words(f"cannot create topic {name}", problem) from problem
    return True


def _set_configs(admin: AdminClient, wanted: list[WantedTopic], settings: Settings) -> list[str]:
    found = {topic.name: topic for topic in show_topics(settings)}
    changes = [
        ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
        for topic in wanted
        if topic.name in found and (entries := _changes(topic, found[topic.name]))
    ]
    if changes:
        futures = admin.incremental_alter_configs(changes, request_timeout=TIMEOUT_SECONDS)
        for resource, future in futures.items():
            answer(f"cannot configure topic {resource.name}", future.result)
    return [resource.name for resource in changes]


def _changes(wanted: WantedTopic, found: FoundTopic) -> list[ConfigEntry]:
    return [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in wanted.config.items()
        if found.config.get(name) != value
    ]


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = admin.describe_configs(resources, request_timeout=TIMEOUT_SECONDS)
    answers = {
        resource.name: answer(f"cannot read the configuration of {resource.name}", future.result)
        for resource, future in futures.items()
    }
    return {
        topic: {name: str(entry.value) for name, entry in entries.items()}
        for topic, entries in answers.items()
    }
