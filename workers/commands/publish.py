"""`stylecast publish products / styles / feedback / jobs / posters [FILE]`: JSON lines, checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from schemas.codec import InvalidEvent, decode
from schemas.events import Style
from schemas.topics import FEEDBACK, JOBS, POSTER_REQUESTS, PRODUCTS, STYLES, Topic
from stylecore.errors import Permanent
from stylecore.recommender.render_plan import UnknownStyle, require_known
from stylecore.rendering.manifest import load_manifest
from stylecore.times import check_times
from workers.settings import load_settings

app = typer.Typer(
    help="Send events from JSON lines; nothing is sent while a line is wrong.",
    no_args_is_help=True,
)

File = Annotated[
    Path | None, typer.Argument(help="JSON lines; standard input when left out or '-'.")
]


@app.command()
def products(file: File = None) -> None:
    """Send products."""
    publish_lines(PRODUCTS, file)


@app.command()
def styles(file: File = None) -> None:
    """Send styles."""
    publish_lines(STYLES, file)


@app.command()
def feedback(file: File = None) -> None:
    """Send feedback."""
    publish_lines(FEEDBACK, file)


@app.command()
def jobs(file: File = None) -> None:
    """Send stylize jobs."""
    publish_lines(JOBS, file)


@app.command()
def posters(file: File = None) -> None:
    """Send requests for posters."""
    publish_lines(POSTER_REQUESTS, file)


def publish_lines(topic: Topic, file: Path | None) -> None:
    """Check every line, then send them all. Raises Permanent where a line or the file is wrong."""
    events, errors = checked(topic, _lines(file))
    for error in errors:
        typer.echo(error, err=True)
    if errors:
        raise Permanent(f"{len(errors)} lines are wrong; nothing was sent")
    send(topic, events)
    typer.echo(f"{len(events)} sent to {topic.name}")


def checked(topic: Topic, lines: Iterable[str]) -> tuple[list[msgspec.Struct], list[str]]:
    """The events of the lines, empty ones left out, and what is wrong by line number."""
    events, errors, now = [], [], datetime.now(UTC)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = decode(topic.event, line)
            check_times(event, now)
            if isinstance(event, Style):
                require_known(event, _generator_styles())
            events.append(event)
        except (InvalidEvent, UnknownStyle) as problem:
            errors.append(f"line {number}: {problem}")
    return events, errors


@cache
def _generator_styles() -> frozenset[str]:
    manifest = load_manifest(load_settings().stylize.generator)
    return frozenset(style.style_id for style in manifest.styles)


def send(topic: Topic, events: list[msgspec.Struct]) -> None:
    """Publish events to a topic and wait until the broker has them. Raises Transient."""
    from workers.kafka.producer import Publisher

    with Publisher(load_settings(), source="/stylecast/cli") as publisher:
        now = datetime.now(UTC)
        for event in events:
            publisher.send(topic, event, now)


def _lines(file: Path | None) -> list[str]:
    """Not by splitlines(): JSON strings may hold U+2028 and U+0085 as they are."""
    try:
        if file is None or str(file) == "-":
            return sys.stdin.buffer.read().decode().split("\n")
        return file.read_text(encoding="utf-8").split("\n")
    except OSError as problem:
        raise Permanent(f"cannot read {file}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise Permanent(f"{file or 'standard input'} is not UTF-8: {problem}") from problem
