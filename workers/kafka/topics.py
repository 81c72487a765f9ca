"""Names on the cluster, and topics: create, configure, check and show them.

schemas.topics says what the topics are to be; this module compares a cluster with it. It never
deletes a topic and never changes a partition count, which would move keys to other partitions: that
is left to an operator, and `check_topics` reports it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

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
    CHANGELOG_CONFIG,
    DEAD_LETTER_CONFIG,
    FEEDBACK,
    PLANNER_TABLES,
    PRODUCTS,
    RECOMMENDATIONS,
    TOPICS,
    USER_PARTITIONS,
    USER_STATES,
    Topic,
    changelog_topic,
    dead_letter_topic,
)
from stylecore.errors import Permanent, Transient
from workers.kafka.admin import (
    TIMEOUT_SECONDS,
    Refused,
    admin_client,
    answer,
    cluster,
    in_words,
    retry_transient,
)
from workers.settings import Settings


class WantedTopic(Struct, frozen=True):
    """A topic as schemas.topics defines it, with its name on this cluster."""

    name: str
    partitions: int
    config: dict[str, str]


class FoundTopic(Struct, frozen=True):
    """A topic as the cluster has it, with those configurations that schemas.topics defines."""

    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]


class Difference(Struct, frozen=True):
    """One difference of the cluster from schemas.topics."""

    topic: str
    what: str
    wanted: str
    found: str
    is_error: bool = True
    """False for a partition count that differs, where any count works."""

    def __str__(self) -> str:
        note = "" if self.is_error else " (a note: it works all the same)"
        return f"{self.topic}: {self.what} is {self.found}, wanted {self.wanted}{note}"


def topic_name(settings: Settings, topic: Topic | str) -> str:
    """Return the name on the cluster: the contract's after the prefix of this fleet."""
    name = topic if isinstance(topic, str) else topic.name
    return settings.kafka.topic_prefix + name


def group_id(settings: Settings, worker: str) -> str:
    """Return `stylecast-<worker>` after the prefix of this fleet."""
    return f"{settings.kafka.topic_prefix}stylecast-{worker}"


def transactional_id(settings: Settings, worker: str) -> str:
    """Return the transactional id, also the group.instance.id, of this instance of a worker.

    It is the same after a restart.
    """
    return f"{group_id(settings, worker)}-{settings.worker.instance}"


def wanted_topics(
    settings: Settings, user_partitions: int = USER_PARTITIONS
) -> Iterator[WantedTopic]:
    """Yield every topic, each followed by its dead-letter topic if it has one, and the planner's
    changelogs, which the planner creates itself where it has the right to.
    """
    for topic in TOPICS:
        by_user = topic.partitions == USER_PARTITIONS
        partitions = user_partitions if by_user else topic.partitions
        name = topic_name(settings, topic)
        yield WantedTopic(name, partitions, topic.config)
        if topic.dead_letters_of:
            yield WantedTopic(dead_letter_topic(name), partitions, DEAD_LETTER_CONFIG)
    for table in PLANNER_TABLES:
        name = changelog_topic(group_id(settings, "planner"), table)
        yield WantedTopic(name, PRODUCTS.partitions, CHANGELOG_CONFIG)


def apply_topics(settings: Settings, user_partitions: int = USER_PARTITIONS) -> list[str]:
    """Create missing topics and set configurations that differ; return the topics changed.

    It is idempotent. Partition counts are left as they are (`check_topics`). Raises Transient where
    the broker does not answer, Refused where it refuses.
    """
    admin = admin_client(settings)
    wanted = list(wanted_topics(settings, user_partitions))
    created = _create_missing(admin, wanted, settings.kafka.replication_factor)
    return created + _set_configs(admin, wanted, settings)


def check_topics(settings: Settings, user_partitions: int = USER_PARTITIONS) -> list[Difference]:
    """Return how the cluster differs from schemas.topics. Raises Transient."""
    found = {topic.name: topic for topic in show_topics(settings)}
    table = [
        difference
        for wanted in wanted_topics(settings, user_partitions)
        for difference in differences(wanted, found.get(wanted.name))
    ]
    counts = {name: topic.partitions for name, topic in found.items()}
    return [*_user_partitions(settings, counts), *table]


def require_user_partitions(settings: Settings) -> None:
    """Raises Permanent where the topics keyed by user have different partition counts.

    A shopper's state is written to the partition with the number of the feedback's partition.
    """
    there = cluster(admin_client(settings)).topics
    counts = {name: len(topic.partitions) for name, topic in there.items()}
    for difference in _user_partitions(settings, counts):
        raise Permanent(str(difference))


def _user_partitions(settings: Settings, counts: Mapping[str, int]) -> Iterator[Difference]:
    """Yield topics keyed by user that have another partition count than the feedback."""
    feedback = topic_name(settings, FEEDBACK)
    for topic in (USER_STATES, RECOMMENDATIONS):
        name = topic_name(settings, topic)
        if name in counts and feedback in counts and counts[name] != counts[feedback]:
            yield Difference(
                name,
                "partitions",
                f"{counts[feedback]}, the count of {feedback}: topics keyed by user share one, "
                "make the smaller ones again or copy them (`stylecast topics copy`)",
                str(counts[name]),
            )


def topic_id(settings: Settings, name: str) -> str:
    """Return the cluster's id of a topic, which changes when the topic is created again.

    Raises Transient while the broker is down, Refused where the topic is missing.
    """
    admin = admin_client(settings)
    return retry_transient(lambda: topic_ids(admin, [name])[name])


def topic_ids(
    admin: AdminClient, names: Sequence[str], seconds: float = TIMEOUT_SECONDS
) -> dict[str, str]:
    """Return the ids of several topics by one request with a time-out in seconds.

    Raises Transient and Refused.
    """
    asked = admin.describe_topics(TopicCollection([*names]), request_timeout=seconds)
    return {
        name: str(answer(f"cannot describe {name}", future.result).topic_id)
        for name, future in asked.items()
    }


def differences(wanted: WantedTopic, found: FoundTopic | None) -> Iterator[Difference]:
    """Yield how one topic differs from what is wanted."""
    if found is None:
        yield Difference(wanted.name, "the topic", "there", "missing")
        return
    if found.partitions != wanted.partitions:
        yield Difference(
            wanted.name, "partitions", str(wanted.partitions), str(found.partitions), is_error=False
        )
    for name, value in wanted.config.items():
        if found.config.get(name) != value:
            yield Difference(wanted.name, name, value, str(found.config.get(name)))


def show_topics(settings: Settings) -> list[FoundTopic]:
    """Return the topics of schemas.topics that the cluster has, in order. Raises Transient."""
    admin = admin_client(settings)
    return retry_transient(lambda: _show_topics(admin, settings))


def _show_topics(admin: AdminClient, settings: Settings) -> list[FoundTopic]:
    """Raises Transient also where a listed topic is being deleted, or was just created."""
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
            # Older brokers do not know every configuration.
            config={name: configs[topic.name].get(name, "unknown") for name in topic.config},
        )
        for topic in present
    ]


def largest_records(settings: Settings) -> dict[str, int]:
    """Return max.message.bytes of each topic, by its name on the cluster.

    Raises Transient and Refused.
    """
    admin = admin_client(settings)
    there = cluster(admin).topics
    configs = _configs(admin, [it.name for it in wanted_topics(settings) if it.name in there])
    return {name: int(config["max.message.bytes"]) for name, config in configs.items()}


def require_topics(settings: Settings, names: list[str]) -> None:
    """Raises Refused where topics (by cluster names) or rights are missing, with the remedy.

    The cluster does not list topics that the client may not describe.
    """
    admin = admin_client(settings)
    there = cluster(admin).topics
    hidden = [name for name in names if name not in there]
    if not hidden:
        return
    forbidden: list[str] = []
    missing: list[str] = []
    for name, future in admin.describe_topics(TopicCollection(hidden)).items():
        try:
            future.result(TIMEOUT_SECONDS)
        except KafkaException as problem:
            code = problem.args[0].code()
            is_forbidden = code == KafkaError.TOPIC_AUTHORIZATION_FAILED
            (forbidden if is_forbidden else missing).append(name)
    if forbidden:
        raise Refused(missing_right(settings, "DESCRIBE", f"topic {', '.join(forbidden)}"))
    if missing:
        raise Refused(
            f"the cluster at {settings.kafka.bootstrap_servers} has no topic "
            f"{', '.join(missing)}: run `stylecast topics apply`"
        )


def principal(settings: Settings) -> str:
    """Return the principal of this client."""
    name = settings.kafka.librdkafka().get("sasl.username")
    return f"User:{name}" if name else "the principal of this client's certificate"


def missing_right(settings: Settings, operation: str, resource: str) -> str:
    """Return which principal lacks which right, and the remedy."""
    return (
        f"{principal(settings)} may not {operation} {resource} (or it does not exist): "
        "grant the right, `stylecast topics acls deploy/acls.yaml` prints all that are needed"
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
    futures, created = admin.create_topics(new), []
    for name, future in futures.items():
        try:
            future.result(TIMEOUT_SECONDS)
            created.append(name)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # by another process
                raise in_words(f"cannot create topic {name}", problem) from problem
    # The controller answers before all brokers list the topics.
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while futures.keys() - cluster(admin).topics.keys():
        if time.monotonic() > deadline:
            raise Transient("the brokers do not list the topics that were just created")
        time.sleep(0.05)
    return created


def _set_configs(admin: AdminClient, wanted: list[WantedTopic], settings: Settings) -> list[str]:
    found = {topic.name: topic.config for topic in show_topics(settings)}
    changes = []
    for topic in wanted:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in topic.config.items()
            if topic.name in found and found[topic.name].get(name) != value
        ]
        if entries:
            changes.append(
                ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
            )
    if changes:
        futures = admin.incremental_alter_configs(changes, request_timeout=TIMEOUT_SECONDS)
        for resource, future in futures.items():
            answer(f"cannot configure topic {resource.name}", future.result)
    return [resource.name for resource in changes]


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = admin.describe_configs(resources, request_timeout=TIMEOUT_SECONDS)
    found = {}
    for resource, future in futures.items():
        doing = f"cannot read the configuration of {resource.name}"
        entries = answer(doing, future.result)
        found[resource.name] = {name: str(entry.value) for name, entry in entries.items()}
    return found
