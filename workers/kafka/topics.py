"""The topics on the cluster: their names, and how to create, check and show them.

What ought to be stands in schemas.topics; this module compares a cluster with that table. It
never deletes a topic and never changes a partition count, for a key would change its partition:
that stays a person's decision, and `check_topics` says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
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
    is_error: bool = True
    """False for a partition count that merely differs: any will do."""

    def __str__(self) -> str:
        note = "" if self.is_error else " (a note: it works all the same)"
        return f"{self.topic}: {self.what} is {self.found}, wanted {self.wanted}{note}"


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
    """Every topic of the table, each followed by its dead letters if it has any; the planner's
    changelogs, which it makes itself where it may.
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
    table = [
        difference
        for wanted in wanted_topics(settings, user_partitions)
        for difference in differences(wanted, found.get(wanted.name))
    ]
    counts = {name: topic.partitions for name, topic in found.items()}
    return [*_user_partitions(settings, counts), *table]


def require_user_partitions(settings: Settings) -> None:
    """Raises Permanent where the topics keyed by user have different partition counts.

    A shopper's state is written to the number of the feedback's partition.
    """
    there = cluster(admin_client(settings)).topics
    counts = {name: len(topic.partitions) for name, topic in there.items()}
    for difference in _user_partitions(settings, counts):
        raise Permanent(str(difference))


def _user_partitions(settings: Settings, counts: Mapping[str, int]) -> Iterator[Difference]:
    """Topics keyed by user that have another partition count than the feedback."""
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
    """The cluster's id of a topic: another one when it was deleted and created again.

    Raises Transient while the broker is away, Refused where the topic is missing.
    """
    admin = admin_client(settings)
    return retry_transient(lambda: topic_ids(admin, [name])[name])


def topic_ids(
    admin: AdminClient, names: Sequence[str], seconds: float = TIMEOUT_SECONDS
) -> dict[str, str]:
    """The same of several topics, asked once and for so long. Raises Transient and Refused."""
    asked = admin.describe_topics(TopicCollection([*names]), request_timeout=seconds)
    return {
        name: str(answer(f"cannot describe {name}", future.result).topic_id)
        for name, future in asked.items()
    }


def differences(wanted: WantedTopic, found: FoundTopic | None) -> Iterator[Difference]:
    """How one topic differs from what is wanted."""
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
    """The table's topics that the cluster has, in the table's order. Raises Transient."""
    admin = admin_client(settings)
    return retry_transient(lambda: _show_topics(admin, settings))


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
            # A setting that an older broker does not know is not there.
            config={name: configs[topic.name].get(name, "unknown") for name in topic.config},
        )
        for topic in present
    ]


def largest_records(settings: Settings) -> dict[str, int]:
    """Bytes of the largest record that each of the table's topics takes, by its name there.

    Raises Transient and Permanent.
    """
    admin = admin_client(settings)
    there = cluster(admin).topics
    configs = _configs(admin, [it.name for it in wanted_topics(settings) if it.name in there])
    return {name: int(config["max.message.bytes"]) for name, config in configs.items()}


def require_topics(settings: Settings, names: list[str]) -> None:
    """Raises Refused naming what is missing of these (cluster) names, or which right, with the
    remedy. A topic that this client may not describe is not in the cluster's list either.
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
    """As whom the cluster knows this client."""
    name = settings.kafka.librdkafka().get("sasl.username")
    return f"User:{name}" if name else "the principal of this client's certificate"


def missing_right(settings: Settings, operation: str, resource: str) -> str:
    """Who may not do what with which resource, and the remedy."""
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
