"""The Faust application: settings, credentials, tables, and fixes for Faust 0.15.

Two of Faust's faults around a restore lose records:

- OpenFlow: a restore resumes the flow of records, since changelogs are read through it. When all is
  restored, Faust seeks to the committed offsets and resumes the flow again, which empties the
  agents' queues: records read between the two are dropped until the next restart. On a busy machine
  that is every other restart.
- RereadingConsumer: the fetcher asks for records of the active partitions, and for all of them when
  none is active, as happens between changelogs and inputs. A request in flight then brings records
  of the inputs, which are dropped. Seeking to the committed offsets reads them again, but only
  where something is committed; else the first records of a partition would wait for the next
  restart, or for ever when a later one is committed first.

KeptTable adds waiting for changes: Faust sends a change to the changelog after it was made, and
commits the record that caused it whether or not the change has arrived, so that a kill between the
two would lose a product for good.
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

OFF = {
    "web_stats_enabled": False,
    "web_graph_enabled": False,
    "web_router_enabled": False,
    "web_tables_enabled": False,
    "topic_disable_leader": True,
}
"""Faust's own pages and its leader topic, which are not used."""


class OpenFlow(FlowControlEvent):  # type: ignore[misc]  # Faust is not typed
    """A flow that empties the queues when it is resumed, but not when it is active already."""

    def resume(self) -> None:
        """Let records through, dropping those that came while it was suspended."""
        if not self.is_active():
            super().resume()


class RereadingConsumer(Consumer):  # type: ignore[misc]  # Faust is not typed
    """A consumer that seeks to the beginning where nothing is committed."""

    async def seek_to_committed(self) -> Mapping[Any, int | None]:
        """Seek, and return the committed offset of each partition, or None."""
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
    """A transport with the consumer above."""

    Consumer = RereadingConsumer


class KeptTable(faust.Table):  # type: ignore[misc]  # Faust is not typed
    """A table of bytes that tracks which changes the broker has not acknowledged."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._under_way: dict[bytes, asyncio.Future[Any]] = {}

    def send_changelog(self, partition: int | None, key: bytes, *args: Any, **kwargs: Any) -> Any:
        """Send a change as Faust does, and track the last one of each key.

        Raises KafkaError, before anything is changed, while the producer does not know the
        changelog's partitions, which a refresh of metadata may have dropped.
        """
        try:
            change = super().send_changelog(partition, key, *args, **kwargs)
        except TypeError as problem:  # aiokafka iterates over partitions that are None
            raise UnknownTopicOrPartitionError("the changelog is not known yet") from problem
        self._under_way[key] = change
        return change

    async def kept(self) -> None:
        """Wait until the broker has every change; send refused ones again.

        Raises KafkaError after a refusal; the caller retries.
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
    """Return librdkafka's security settings as Faust's credentials, None for plaintext.

    Raises SettingsError.
    """
    given = settings.librdkafka()
    protocol = str(given.get("security.protocol", "plaintext")).lower()
    if protocol == "plaintext":
        return None
    context = _context(given) if protocol.endswith("ssl") else None
    if protocol == "ssl":
        return SSLCredentials(context)
    if protocol not in {"sasl_plaintext", "sasl_ssl"}:
        raise SettingsError(f"setting STYLECAST_KAFKA__SECURITY_PROTOCOL: {protocol!r} is unknown")
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


class _App(faust.App):  # type: ignore[misc]  # Faust is not typed
    """An application with the transport above."""

    def _new_transport(self) -> Any:
        return RereadingTransport(self.conf.broker_consumer, self)


def make_app(settings: Settings, folder: str, port: int, *, may_declare: bool = True) -> Any:
    """Return an application whose id, the prefix of its internal topics, is the planner's group.

    Its tables are in memory and restored from their changelogs; `folder` stays nearly empty. Topics
    are created only with `may_declare`.
    """
    session = settings.planner.broker_session_seconds
    app = _App(
        group_id(settings, "planner"),
        broker=[f"kafka://{server}" for server in settings.kafka.bootstrap_servers.split(",")],
        broker_credentials=credentials(settings.kafka),
        # With the default, a restart after a kill waits a minute for the dead member.
        broker_session_timeout=session,
        broker_heartbeat_interval=max(1.0, session / 6),
        broker_request_timeout=session + 4,
        broker_commit_interval=1.0,
        # While the broker is down a record in hand would never be done; it is read again instead.
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
    app.flow_control = OpenFlow()  # before agents are added, whose queues refer to it
    return app


def raw_topic(app: Any, name: str) -> Any:
    """Return a topic of bytes, so that decoding errors are handled by the planning."""
    return app.topic(
        name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )


def raw_table(app: Any, name: str, partitions: int) -> Any:
    """Return a table of bytes whose changelog is partitioned by its own keys.

    By default a change goes to the partition of the current event: a product that is changed by a
    style's event would then have two histories.
    """
    return app.Table(
        name,
        partitions=partitions,
        use_partitioner=True,
        key_type=bytes,
        value_type=bytes,
    )


def web_port(settings: Settings) -> int:
    """Return the port of the settings, or a free one, since Faust does not report its port."""
    return settings.worker.http_port or free_port(settings.worker.http_host)


def record_of(message: Any) -> Record:
    """Return a message of Faust as a Record."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        raw_headers=[(name, value) for name, value in message.headers or () if value is not None],
        timestamp_ms=round(message.timestamp * 1000),
    )
