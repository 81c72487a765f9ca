"""The configuration and the formatted data folder of the local broker.

Writing two small files replaces Kafka's StorageTool, a second JVM of two seconds:
meta.properties names the cluster, bootstrap.checkpoint finalises the features of Kafka 4.1
(metadata 4.1-IV1, group.version 1, transaction.version 2) and fits any node and cluster.
"""

from __future__ import annotations

import base64
import uuid
from importlib import resources
from pathlib import Path

HOST = "127.0.0.1"

SMALL = {
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": 16 * 2**20,
    "log.index.size.max.bytes": 2**20,
    "num.network.threads": 2,
    "num.io.threads": 4,
}
"""One node and few partitions: the internal topics are created when the first client comes."""


def properties_of(folder: Path, port: int, controller_port: int) -> dict[str, object]:
    """Return the broker's properties; its data is in `folder`/data."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": folder / "data",
        **SMALL,
    }


def write_properties(folder: Path, properties: dict[str, object]) -> Path:
    """Write server.properties, and return its path."""
    path = folder / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return path


def format_data(folder: Path) -> None:
    """Make `folder`/data a formatted log folder, unless it is one."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    meta = data / "meta.properties"
    if meta.exists():
        return
    checkpoint = resources.files(__package__).joinpath("bootstrap.checkpoint").read_bytes()
    (data / "bootstrap.checkpoint").write_bytes(checkpoint)
    cluster_id = "-"
    while cluster_id.startswith("-"):  # as Kafka's Uuid.randomUuid
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    meta.write_text(f"version=1\ncluster.id={cluster_id}\nnode.id=1\n")
