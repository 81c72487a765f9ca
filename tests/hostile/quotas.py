"""A broker's quota of a client, set by Kafka's own kafka-configs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from workers.broker.java import java_runtime, kafka_jars


@contextmanager
def quota(bootstrap_servers: str, client_id: str, bytes_a_second: int) -> Iterator[None]:
    """Throttle what a client writes and reads; lifted when the block is left."""
    rates = ("producer_byte_rate", "consumer_byte_rate")
    _configs(
        bootstrap_servers,
        client_id,
        "--add-config",
        ",".join(f"{rate}={bytes_a_second}" for rate in rates),
    )
    try:
        yield
    finally:
        _configs(bootstrap_servers, client_id, "--delete-config", ",".join(rates))


def _configs(bootstrap_servers: str, client_id: str, *change: str) -> None:
    jars = os.pathsep.join(str(jar) for jar in kafka_jars())
    subprocess.run(
        [
            *(str(java_runtime()), "-XX:TieredStopAtLevel=1", "-cp", jars),
            *("kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap_servers, "--alter"),
            *("--entity-type", "clients", "--entity-name", client_id, *change),
        ],
        check=True,
        capture_output=True,
        timeout=200,
    )
