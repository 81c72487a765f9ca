"""Becomes a Kafka broker, configured as in the image apache/kafka: KAFKA_NODE_ID is node.id.

`__` stands for `_` and `___` for `-`. The data lies in /var/lib/kafka/data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from workers.broker.java import FLAGS, java_runtime
from workers.broker.properties import SMALL, format_data, write_properties

HOME = Path("/var/lib/kafka")
PREFIX = "KAFKA_"


def main() -> None:
    """Write the properties, format the data if it is not, and run Java in this process's place."""
    properties = {**SMALL, "log.dirs": HOME / "data", **properties_of(os.environ)}
    format_data(HOME)
    written = write_properties(Path("/tmp"), properties)
    java = str(java_runtime())
    os.execv(java, [java, *FLAGS, "-cp", "/opt/kafka/jars/*", "kafka.Kafka", str(written)])


def properties_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The broker's properties among the variables."""
    return {
        property_of(name.removeprefix(PREFIX)): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


def property_of(name: str) -> str:
    """LOG_DIRS as log.dirs; `___` is a dash and `__` an underscore."""
    return name.lower().replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


if __name__ == "__main__":
    main()
