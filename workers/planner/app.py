"""The Faust application and the few of its hundreds of settings that matter here.

What is done with records is not known here.
"""

from __future__ import annotations

from typing import Any

import faust

from workers.kafka.clients import MAX_RECORD_BYTES
from workers.kafka.records import Record
from workers.kafka.topics import group_id
from workers.planner.flow import OpenFlow
from workers.planner.security import credentials
from workers.planner.table import KeptTable
from workers.planner.transport import RereadingTransport
from workers.ports import free_port
from workers.settings import Settings

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
