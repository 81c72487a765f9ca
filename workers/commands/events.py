"""Commands about events:

- `stylecast publish products / styles / feedback / jobs / posters [FILE]`: JSON lines, checked
- `stylecast tail TOPIC`: decoded records, committed ones only
- `stylecast recommend USER`: the list that a storefront would read now
- `stylecast forget USER`: erases a shopper from state, lists and the next factors, by a tombstone
  among the feedback, so that it is applied in order with the shopper's events
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from schemas.codec import InvalidEvent, decode, decode_id
from schemas.events import Recommendations, Style
from schemas.topics import (
    DEAD_LETTER_SUFFIX,
    FEEDBACK,
    JOBS,
    POSTER_REQUESTS,
    PRODUCTS,
    RECOMMENDATIONS,
    STYLES,
    TOPICS,
    Topic,
)
from stylecore.errors import Permanent
from stylecore.recommender.recommend import EVERYONE
from stylecore.recommender.render_plan import UnknownStyle, require_known
from stylecore.rendering.manifest import load_manifest
from stylecore.times import check_times
from workers.commands.printing import JsonFlag, print_json, print_table
from workers.kafka.producer import Publisher
from workers.kafka.records import Record, partition_of, tombstone
from workers.kafka.table import TableReader, partitions_of, partitions_of_names, read_partitions
from workers.kafka.topics import topic_name
from workers.settings import Settings, load_settings

publish_app = typer.Typer(
    help="Send events from JSON lines; nothing is sent while a line is wrong.",
    no_args_is_help=True,
)

File = Annotated[
    Path | None, typer.Argument(help="JSON lines; standard input when left out or '-'.")
]


def _add_command(name: str, topic: Topic, text: str) -> None:
    def publish(file: File = None) -> None:
        publish_lines(topic, file)

    publish_app.command(name, help=text)(publish)


_add_command("products", PRODUCTS, "Send products.")
_add_command("styles", STYLES, "Send styles.")
_add_command("feedback", FEEDBACK, "Send feedback.")
_add_command("jobs", JOBS, "Send stylize jobs.")
_add_command("posters", POSTER_REQUESTS, "Send requests for posters.")


def publish_lines(topic: Topic, file: Path | None) -> None:
    """Check every line, then send them all. Raises Permanent where a line or the file is wrong."""
    events, errors = checked(topic, read_lines(file))
    for error in errors:
        typer.echo(error, err=True)
    if errors:
        raise Permanent(f"{len(errors)} lines are wrong; nothing was sent")
    send(topic, events)
    typer.echo(f"{len(events)} sent to {topic.name}")


def checked(topic: Topic, lines: Iterable[str]) -> tuple[list[msgspec.Struct], list[str]]:
    """Return the events of the lines, without empty ones, and what is wrong by line number."""
    events, errors, now = [], [], datetime.now(UTC)
    known = set[str]()
    if topic is STYLES:
        manifest = load_manifest(load_settings().stylize.generator)
        known = {style.style_id for style in manifest.styles}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = decode(topic.event, line)
            check_times(event, now)
            if isinstance(event, Style):
                require_known(event, known)
            events.append(event)
        except (InvalidEvent, UnknownStyle) as problem:
            errors.append(f"line {number}: {problem}")
    return events, errors


def send(topic: Topic, events: list[msgspec.Struct]) -> None:
    """Publish events to a topic and wait until the broker has them. Raises Transient."""
    with Publisher(load_settings(), source="/stylecast/cli") as publisher:
        now = datetime.now(UTC)
        for event in events:
            publisher.send(topic, event, now)


def read_lines(file: Path | None) -> list[str]:
    """Read lines of UTF-8 from a file or standard input (None or '-'). Raises Permanent."""
    # Not by splitlines(): JSON strings may hold U+2028 and U+0085 as they are.
    try:
        if file is None or str(file) == "-":
            return sys.stdin.buffer.read().decode().split("\n")
        return file.read_text(encoding="utf-8").split("\n")
    except OSError as problem:
        raise Permanent(f"cannot read {file}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise Permanent(f"{file or 'standard input'} is not UTF-8: {problem}") from problem


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
    names = [entry.name for entry in TOPICS]
    if topic.removesuffix(DEAD_LETTER_SUFFIX) not in names:
        raise Permanent(f"no topic {topic}; there are: {', '.join(names)} (and their .dlq)")
    places = partitions_of_names(settings, [topic_name(settings, topic)])
    show = print_document if as_json else print_readable
    with closing(TableReader(settings, places)) as reader:
        records = sorted(reader.read_to_end(threading.Event()), key=lambda r: r.timestamp_ms)
        for record in records[-last:] if last else records:
            show(record)
        while follow:
            for record in reader.wait(0.5):
                show(record)


def readable(record: Record) -> dict[str, Any]:
    """Return the record with its value decoded where it is JSON."""

    def text(data: bytes | None) -> str | None:
        return None if data is None else data.decode("utf-8", "backslashreplace")

    value: Any = text(record.value)
    if record.value is not None:
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = msgspec.json.decode(record.value)
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": record.at,
        "key": text(record.key),
        "headers": {name: text(header) for name, header in record.headers},
        "value": value,
    }


def print_document(record: Record) -> None:
    """Print a record as one JSON document on a line."""
    typer.echo(msgspec.json.encode(readable(record)).decode())


def print_readable(record: Record) -> None:
    """Print place, key and value on a line; the reasons of a dead letter on further lines."""
    fields = readable(record)
    value = msgspec.json.encode(fields["value"]).decode()
    if len(value) > SHOWN:
        value = f"{value[:SHOWN]}... ({len(value)} characters, --json shows all)"
    typer.echo(f"{record.partition}/{record.offset} {record.at:%H:%M:%S} {fields['key']} {value}")
    for name, text in fields["headers"].items():
        if name.startswith("__connect.errors."):
            typer.echo(f"    {name.removeprefix('__connect.errors.')}: {text}")


def recommend(
    user: Annotated[str, typer.Argument(help="A user id, or * for a shopper nobody knows.")],
    as_json: JsonFlag = False,
) -> None:
    """Print a shopper's recommendations; those for everyone where the shopper is not known."""
    found = read_recommendations(load_settings(), user)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [
        {
            "product": item.product_id,
            "style": item.style_id,
            "score": item.score,
            "propensity": item.propensity,
            "why": item.reason.text,
        }
        for item in found.items
    ]
    version = f"factors {found.factors_version}"
    print_table(f"For {found.user_id}, {found.generated_at:%Y-%m-%d %H:%M:%S}, {version}", rows)


def read_recommendations(settings: Settings, user: str) -> Recommendations:
    """Return the latest list of the user, or of everyone. Raises Permanent without either."""
    places = partitions_of(settings, [RECOMMENDATIONS])
    for key in dict.fromkeys((user.encode(), EVERYONE.encode())):
        records = read_partitions(settings, [places[partition_of(key, len(places))]])
        values = [record.value for record in records if record.key == key]
        if values and values[-1] is not None:
            return decode(Recommendations, values[-1])
    raise Permanent(f"there are no recommendations for {user} yet, nor for everyone")


def forget(
    user: Annotated[str, typer.Argument(help="The shopper's user_id.")],
    as_json: JsonFlag = False,
) -> None:
    """Ask the workers to forget a shopper. Past feedback itself ages out after 7 days."""
    key = user.encode()
    try:
        decode_id(key)
    except InvalidEvent as problem:
        raise Permanent(f"{user!r} is no user id: {problem}") from problem
    settings = load_settings()
    with Publisher(settings, source="/stylecast/cli") as publisher:
        publisher.send_raw(tombstone(settings, FEEDBACK, key))
    if as_json:
        print_json({"user_id": user, "topic": FEEDBACK.name})
    else:
        typer.echo(f"asked to forget {user}, by a tombstone in {FEEDBACK.name}")
