"""`python -m chaos.cluster`: three brokers, replication 3; one of them is killed under load.

Prints how long no state was committed. The brokers are processes on the loopback.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from chaos.owners import join, lag, owners, require_exactly_once, send_clicks
from helpers import wait_until
from integration.shop import publish_products

from schemas.topics import FEEDBACK, USER_STATES
from workers.broker import Broker
from workers.broker.ports import free_port
from workers.broker.properties import HOST
from workers.kafka.admin import admin_client, cluster
from workers.kafka.table import TableReader, partitions_of
from workers.kafka.topics import apply_topics, topic_name
from workers.settings import LogSettings, Settings, load_settings
from workers.telemetry import configure_logging

NODES = 3
PARTITIONS = 4
LOAD_SECONDS = 25.0
CLICKS_A_TURN = 5
SAFE = {
    "offsets.topic.replication.factor": NODES,
    "transaction.state.log.replication.factor": NODES,
    "transaction.state.log.min.isr": 2,
    "min.insync.replicas": 2,
}
SWIFT = {
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1500,
    "controller.quorum.election.timeout.ms": 1000,
    "replica.lag.time.max.ms": 5000,
}
"""A lost leader is replaced in seconds: deploy/SURVIVES.md says what the defaults take."""


@contextmanager
def three_brokers(folder: Path) -> Iterator[list[Broker]]:
    """A cluster that has started; the brokers that still run end with the block."""
    ports = [(free_port(), free_port()) for _ in range(NODES)]
    voters = ",".join(f"{node}@{HOST}:{ports[node - 1][1]}" for node in range(1, NODES + 1))
    brokers = [
        _broker(folder / f"node-{node}", node, *ports[node - 1], voters) for node in (1, 2, 3)
    ]
    with ExitStack() as stack, ThreadPoolExecutor(NODES) as executor:
        for broker in brokers:
            stack.callback(broker.stop)
        for started in [executor.submit(broker.start) for broker in brokers]:
            started.result()
        yield brokers


def lose_a_broker(folder: Path) -> dict[str, Any]:
    """Kill the leader of most feedback under load. Raises AssertionError where an event is lost."""
    with three_brokers(folder) as brokers:
        settings = load_settings(
            kafka={
                "bootstrap_servers": ",".join(broker.bootstrap_servers for broker in brokers),
                "replication_factor": NODES,
            },
            store={"uri": str(folder / "store")},
        )
        apply_topics(settings, PARTITIONS)
        products = publish_products(settings, 4)
        environment = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            "STYLECAST_STORE__URI": settings.store.uri,
        }
        with owners(environment, folder / "slots") as slots:
            send_clicks(settings, products, range(50))
            for name in ("preferences-a", "preferences-b"):
                join(slots, name)
            wait_until(lambda: lag(settings) == 0, 180)
            victim = _leader_of_most(settings)
            gaps, events = _load(settings, products, brokers[victim - 1])
            wait_until(lambda: lag(settings) == 0, 180)
        require_exactly_once(settings, products)
        return {
            "brokers": NODES,
            "killed": victim,
            "events": events,
            "lost": 0,
            "longest_stall_seconds": round(max(gaps), 2),
            "usual_gap_seconds": round(sorted(gaps)[len(gaps) // 2], 3),
        }


def _load(settings: Settings, products: list[Any], victim: Broker) -> tuple[list[float], int]:
    """Click steadily, kill the broker in the middle; the gaps between commits that were seen."""
    reader = TableReader(settings, partitions_of(settings, [USER_STATES]))
    events, gaps, killed = 50, [], False
    seen = started = time.monotonic()
    with ThreadPoolExecutor(1) as executor:
        sent = None
        while time.monotonic() < started + LOAD_SECONDS:
            if sent is None or sent.done():
                if sent is not None:
                    sent.result()
                numbers = range(events, events + CLICKS_A_TURN)
                sent = executor.submit(send_clicks, settings, products, numbers)
                events += CLICKS_A_TURN
            if list(reader.wait(0.02)):
                gaps.append(time.monotonic() - seen)
                seen = time.monotonic()
            if not killed and time.monotonic() > started + LOAD_SECONDS / 3:
                os.kill(victim.pid, signal.SIGKILL)
                killed = True
    reader.close()
    return gaps, events


def _leader_of_most(settings: Settings) -> int:
    found = cluster(admin_client(settings)).topics[topic_name(settings, FEEDBACK)].partitions
    leaders = [part.leader for part in found.values()]
    return max(set(leaders), key=leaders.count)


def _broker(folder: Path, node: int, port: int, controller: int, voters: str) -> Broker:
    data = folder / "data"
    data.mkdir(parents=True)
    identity = f"version=1\ncluster.id=c3R5bGVjYXN0LWNsdXN0ZQ\nnode.id={node}\n"
    (data / "meta.properties").write_text(identity)
    checkpoint = resources.files("workers.broker").joinpath("bootstrap.checkpoint").read_bytes()
    (data / "bootstrap.checkpoint").write_bytes(checkpoint)
    own = {
        "node.id": node,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "log.dirs": data,
    }
    return Broker(folder, port, {**own, **SAFE, **SWIFT}, {}, temporary=False)


if __name__ == "__main__":
    configure_logging(LogSettings(level="error"))
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(lose_a_broker(Path(scratch))))
