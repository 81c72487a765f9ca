"""Apache Kafka's own kafka-consumer-groups, as a peer that our lag is compared with."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import jgo

from workers.broker.java import java_command, keep_archive
from workers.kafka.records import Place

COORDINATES = "org.apache.kafka:kafka-tools:4.1.1+org.slf4j:slf4j-simple:1.7.36"
MAIN = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
COLUMNS = ["TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"]


def kafkas_lag(bootstrap_servers: str, group: str) -> dict[Place, int | None]:
    """What the tool says of each partition of a group; None where it prints no number."""
    jars = sorted(jgo.build(COORDINATES).all_jars, key=lambda jar: jar.name)
    asked = ("--bootstrap-server", bootstrap_servers, "--describe", "--group", group)
    with tempfile.TemporaryDirectory() as folder:
        machine = java_command(jars, Path(folder) / "unused")[:-2]  # all but the broker itself
        command = [*machine, MAIN, *asked]
        told = subprocess.run(
            command, capture_output=True, check=True, text=True, timeout=120
        ).stdout
        keep_archive(jars, Path(folder))
    lines = [line.split() for line in told.splitlines() if line.strip()]
    (head,) = [line for line in lines if line[0] == "GROUP"]
    topic, partition, _, _, lag = (head.index(column) for column in COLUMNS)
    return {
        Place(line[topic], int(line[partition])): None if line[lag] == "-" else int(line[lag])
        for line in lines
        if line[0] == group
    }
