"""Writes what is derived from the events: `json/*.schema.json` and `asyncapi.yaml`.

`python -m schemas.generate` writes them, `--check` only says whether they are as they should be.
Needs PyYAML, which nothing that serves does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from schemas.cloudevents import event_type_name
from schemas.topics import TOPICS, Topic, dead_letter_topic

FOLDER = Path(__file__).parent
CLOUDEVENT_HEADERS = {
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string"},
    },
}


def json_schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a topic's value, self-contained."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:stylecast:{topic.name}",
        **msgspec.json.schema(topic.event),
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of all topics."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stylecast",
            "version": "1.0.0",
            "description": "Product photos in several styles, and which to show to whom.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {
            f"{action}.{topic.name}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
            }
            for topic in TOPICS
            for action in ("send", "receive")
        },
        "components": {"messages": {topic.event.__name__: _message(topic) for topic in TOPICS}},
    }


def files() -> dict[Path, bytes]:
    """Every generated file with its content."""
    import yaml

    schemas = {
        FOLDER / "json" / f"{topic.name}.schema.json": msgspec.json.format(
            msgspec.json.encode(json_schema(topic)), indent=2
        )
        + b"\n"
        for topic in TOPICS
    }
    document = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=100)
    return schemas | {FOLDER / "asyncapi.yaml": document.encode()}


def stale() -> list[Path]:
    """Files that lack, differ, or should not be there."""
    wanted = files()
    differing = [
        path for path, data in wanted.items() if not path.exists() or path.read_bytes() != data
    ]
    return differing + [path for path in (FOLDER / "json").glob("*.json") if path not in wanted]


def main() -> int:
    """Write the files, or with --check name those that are stale."""
    if "--check" in sys.argv:
        for path in stale():
            print(f"{path} is stale: run python -m schemas.generate", file=sys.stderr)
        return 1 if stale() else 0
    for path, data in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return 0


def _channel(topic: Topic) -> dict[str, Any]:
    dead_letters = dead_letter_topic(topic.name) if topic.dead_letters_of else None
    return {
        "address": topic.name,
        "description": f"Written by {topic.written_by}."
        + (f" A record without a value {topic.tombstone}." if topic.tombstone else "")
        + (f" What cannot be processed goes to {dead_letters}." if dead_letters else ""),
        "messages": {"value": {"$ref": f"#/components/messages/{topic.event.__name__}"}},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": [topic.cleanup]},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": event_type_name(topic.event),
        "headers": CLOUDEVENT_HEADERS,
        "payload": {"$ref": f"./json/{topic.name}.schema.json"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "/".join(topic.key)},
                "bindingVersion": "0.5.0",
            }
        },
    }


if __name__ == "__main__":
    sys.exit(main())
