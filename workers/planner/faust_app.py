"""The flow of records to Faust's agents, without the hole that Faust 0.15 leaves after a restore.

A restore resumes the flow, for the changelogs are read through it. When all is restored Faust goes
back to the committed offsets and resumes the flow once more, which empties the agents' queues: what
was read between the two is dropped, and nobody reads it again before the next restart. On a busy
machine that is every other restart.

Faust's connection to Kafka, without the hole that Faust 0.15 leaves between restore and work.

Its fetcher asks for records of the partitions that are active, and means all of them when none is.
After a restore it pauses the changelogs a moment before it resumes the inputs: a request that is
under way then brings records of the inputs, which nobody takes. Going back to the committed
offsets brings them again, but not where nothing is committed yet: the first records of a partition
would wait for the next restart, or for ever when one after them is committed first.

A Faust table whose changes can be waited for.

Faust sends a change to the changelog after it was made, and commits the record that caused it
whether or not the change has arrived: a kill between the two would forget a product for good.

librdkafka's security properties in Faust's words, so that one setting serves all workers.

The Faust application and the few of its hundreds of settings that matter here.

What is done with records is not known here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import faust
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from faust import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import Consumer, Transport
from mode.utils.queues import FlowControlEvent

from stylecore.errors import SettingsError
from workers.broker.ports import free_port
from workers.kafka.clients import MAX_RECORD_BYTES
from workers.kafka.records import Record
from workers.kafka.topics import group_id
from workers.settings import KafkaSettings, Settings


class OpenFlow(FlowControlEvent):  # type: ignore[misc]  # Faust is not typed
    """Empties the queues when it begins to flow, and not when it flows already."""

    def resume(self) -> None:
        """Let records through; those that came while it was suspended belong to nobody."""
        if not self.is_active():
            super().resume()


class RereadingConsumer(Consumer):  # type: ignore[misc]  # Faust is not typed
    """Goes back to the beginning where nothing is committed."""

    async def seek_to_committed(self) -> Mapping[Any, int | None]:
        """Where each partition is committed, or None."""
        committed: Mapping[Any, int | None] = await super().seek_to_committed()
        new = [
            place
            for place, offset in committed.items()
            if offset is None and not self._is_changelog_tp(place)
        ]
        if new:
            await self._thread.call_thread(self._to_beginning, new)
        return committed

    async def _to_beginning(self, places: list[Any]) -> None:
        await self._thread._ensure_consumer().seek_to_beginning(*places)  # noqa: SLF001 (no other way)


class RereadingTransport(Transport):  # type: ignore[misc]  # Faust is not typed
    """With the consumer above."""

    Consumer = RereadingConsumer


class KeptTable(faust.Table):  # type: ignore[misc]  # Faust is not typed
    """A table of bytes that knows which of its changes the broker does not have yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._under_way: dict[bytes, asyncio.Future[Any]] = {}

    def send_changelog(self, partition: int | None, key: bytes, *args: Any, **kwargs: Any) -> Any:
        """As Faust does it; the last change of a key is the one that counts.

        Raises KafkaError, before anything is changed, while the producer does not know the
        changelog's partitions: Faust cannot wait for that, and a refresh may have dropped them.
        """
        try:
            change = super().send_changelog(partition, key, *args, **kwargs)
        except TypeError as problem:  # aiokafka goes over partitions that it has as None
            raise UnknownTopicOrPartitionError("the changelog is not known yet") from problem
        self._under_way[key] = change
        return change

    async def kept(self) -> None:
        """Waits until the broker has every change; sends those again that it refused.

        Raises KafkaError after a refusal: whoever waits tries again, at its own pace.
        """
        while self._under_way:
            key, change = next(iter(self._under_way.items()))
            try:
                await asyncio.shield(change)
            except KafkaError:
                self._send_again(key)
                raise
            if self._under_way.get(key) is change:
                del self._under_way[key]

    def _send_again(self, key: bytes) -> None:
        if key in self:
            self.on_key_set(key, self[key])
        else:
            self.on_key_del(key)


def credentials(settings: KafkaSettings) -> Any | None:
    """Faust's credentials, None for a plain connection. Raises SettingsError."""
    given = settings.librdkafka()
    protocol = str(given.get("security.protocol", "plaintext")).lower()
    if protocol == "plaintext":
        return None
    context = _context(given) if protocol.endswith("ssl") else None
    if protocol == "ssl":
        return SSLCredentials(context)
    if protocol not in {"sasl_plaintext", "sasl_ssl"}:
        raise SettingsError(f"setting STYLECAST_KAFKA__SECURITY_PROTOCOL: no {protocol!r} is known")
    return SASLCredentials(
        username=given.get("sasl.username"),
        password=given.get("sasl.password"),
        mechanism=given.get("sasl.mechanism", given.get("sasl.mechanisms", "PLAIN")),
        ssl_context=context,
    )


def _context(given: dict[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=given.get("ssl.ca.location"))
        if certificate := given.get("ssl.certificate.location"):
            context.load_cert_chain(
                certificate, given.get("ssl.key.location"), given.get("ssl.key.password")
            )
    except OSError as problem:
        raise SettingsError(f"setting STYLECAST_KAFKA__SSL_…_LOCATION: {problem}") from problem
    return context


OFF = {
    "web_stats_enabled": False,
    "web_graph_enabled": False,
    "web_router_enabled": False,
    "web_tables_enabled": False,
    "topic_disable_leader": True,
}
"""Faust's own pages and its leader topic: nobody needs them."""


class _App(faust.App):  # type: ignore[misc]  # Faust is not typed
    """Reads by our own transport."""

    def _new_transport(self) -> Any:
        return RereadingTransport(self.conf.broker_consumer, self)


def make_app(settings: Settings, folder: str, port: int, *, may_declare: bool = True) -> Any:
    """An application whose group, and prefix of its internal topics, is the planner's group id.

    Its tables live in memory and are restored from their changelogs; `folder` stays nearly empty.
    Topics are created only with `may_declare`.
    """
    session = settings.planner.broker_session_seconds
    app = _App(
        group_id(settings, "planner"),
        broker=[f"kafka://{server}" for server in settings.kafka.bootstrap_servers.split(",")],
        broker_credentials=credentials(settings.kafka),
        # With the defaults a restart after a kill waits a minute for the dead member.
        broker_session_timeout=session,
        broker_heartbeat_interval=max(1.0, session / 6),
        broker_request_timeout=session + 4,
        broker_commit_interval=1.0,
        # A record in hand may take as long as the broker is away: it comes again instead.
        stream_wait_empty=False,
        producer_max_request_size=MAX_RECORD_BYTES,
        store="memory://",
        Table=KeptTable,
        datadir=folder,
        topic_allow_declare=may_declare,
        topic_replication_factor=settings.kafka.replication_factor,
        web_host=settings.worker.http_host,
        web_bind=settings.worker.http_host,
        web_port=port,
        **OFF,
    )
    app.flow_control = OpenFlow()  # before there are agents: their queues know their flow
    return app


def raw_topic(app: Any, name: str) -> Any:
    """A topic of bytes: what is wrong with a record is found out where it can be told."""
    return app.topic(
        name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )


def raw_table(app: Any, name: str, partitions: int) -> Any:
    """A table of bytes whose changelog is partitioned by its own keys.

    By default a change goes to the partition of the event at hand: a product that is changed by
    a style's event would then have two histories.
    """
    return app.Table(
        name,
        partitions=partitions,
        use_partitioner=True,
        key_type=bytes,
        value_type=bytes,
    )


def web_port(settings: Settings) -> int:
    """The port that is set, or a free one: Faust cannot tell which one it got."""
    return settings.worker.http_port or free_port(settings.worker.http_host)


def record_of(message: Any) -> Record:
    """A message as Faust read it, in our own types."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        raw_headers=[(name, value) for name, value in message.headers or () if value is not None],
        timestamp_ms=round(message.timestamp * 1000),
    )
