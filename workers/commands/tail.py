"""`stylecast tail TOPIC`: decoded records, committed ones only."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import msgspec
import typer

from schemas.topics import DEAD_LETTER_SUFFIX, TOPICS
from stylecore.errors import Permanent
from workers.commands.printing import JsonFlag
from workers.kafka.records import Record
from workers.kafka.table import TableReader, partitions_of_names
from workers.kafka.topics import topic_name
from workers.settings import Settings, load_settings

SHOWN = 2_000
"""Characters of a value on a line for people."""


def tail(
    topic: Annotated[str, typer.Argument(help="A topic of the table, or its .dlq.")],
    last: Annotated[int, typer.Option(min=0, help="Show this many; 0 shows all.")] = 10,
    follow: Annotated[bool, typer.Option(help="Go on until Ctrl-C.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the records of a topic, oldest first; aborted ones never show."""
    settings = load_settings()
    reader = TableReader(settings, partitions_of_names(settings, [cluster_name(settings, topic)]))
    show = print_line if as_json else print_readable
    try:
        records = sorted(reader.read_to_end(threading.Event()), key=lambda r: r.timestamp_ms)
        for record in records[-last:] if last else records:
            show(record)
        while follow:
            for record in reader.wait(0.5):
                show(record)
    finally:
        reader.close()


def cluster_name(settings: Settings, topic: str) -> str:
    """The name on the cluster. Raises Permanent with the names that there are."""
    names = [entry.name for entry in TOPICS]
    if topic.removesuffix(DEAD_LETTER_SUFFIX) not in names:
        raise Permanent(f"no topic {topic}; there are: {', '.join(names)} (and their .dlq)")
    return topic_name(settings, topic)


def readable(record: Record) -> dict[str, Any]:
    """The record with its value decoded where it is JSON."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": record.at,
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": _value(record.value),
    }


def print_line(record: Record) -> None:
    """One JSON document a line."""
    typer.echo(msgspec.json.encode(readable(record)).decode())


def print_readable(record: Record) -> None:
    """Where, key and value on one line; the reasons of a dead letter on further lines."""
    fields = readable(record)
    value = msgspec.json.encode(fields["value"]).decode()
    if len(value) > SHOWN:
        value = f"{value[:SHOWN]}... ({len(value)} characters, --json shows all)"
    typer.echo(f"{record.partition}/{record.offset} {record.at:%H:%M:%S} {fields['key']} {value}")
    for name, text in fields["headers"].items():
        if name.startswith("__connect.errors."):
            typer.echo(f"    {name.removeprefix('__connect.errors.')}: {text}")


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")


def _value(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _text(data)
