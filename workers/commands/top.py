"""`stylecast top`: groups, lag, rates, status, dead letters and models, live in a terminal.

Dead letters and announcements are followed in their topics, so that only the first reading takes
long.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.codec import decode
from schemas.events import ModelAnnouncement
from schemas.topics import GENERATOR_MODELS, PREFERENCE_MODELS, TOPICS, dead_letter_topic
from stylecore.errors import Transient
from workers.commands.printing import JsonFlag
from workers.kafka.records import Record
from workers.kafka.replay import is_marker
from workers.kafka.table import Apply, TableFollower
from workers.lag import LagCollector
from workers.lag.status import GroupLag, History, Status
from workers.settings import Settings, load_settings


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One reading: dead letters that wait by input topic, and models by name."""

    groups: list[GroupLag]
    dead_letters: dict[str, int]
    models: dict[str, ModelAnnouncement]


class OverviewCollector:
    """Reads the overview repeatedly, and keeps the history that statuses and rates need."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self._collector = LagCollector(settings)
        self._history = History(settings.lag.looks)
        dead = [topic.name for topic in TOPICS if topic.dead_letters_of]
        models = (GENERATOR_MODELS.name, PREFERENCE_MODELS.name)
        tables: dict[str, Apply] = dict.fromkeys(models, self._put_model)
        tables |= {dead_letter_topic(name): partial(self._count, name) for name in dead}
        self._tables = TableFollower(settings, "lag", tables)
        self._dead = Counter(dict.fromkeys(dead, 0))
        self._models: dict[str, ModelAnnouncement] = {}

    def collect(self, now: float) -> Overview:
        """Return the overview at `now` (Unix seconds). Raises Transient."""
        self._tables.catch_up(threading.Event())
        return Overview(
            groups=self._history.judge(self._collector.collect(), now),
            dead_letters=dict(self._dead),
            models=dict(self._models),
        )

    def close(self) -> None:
        """Close the connections."""
        self._collector.close()
        self._tables.close()

    def _count(self, topic: str, record: Record) -> None:
        self._dead[topic] += -1 if is_marker(record) else 1

    def _put_model(self, record: Record) -> None:
        announced = decode(ModelAnnouncement, record.value)
        self._models[announced.name] = announced


COLOURS = {
    Status.OK: "green",
    Status.WARN: "yellow",
    Status.STALL: "bold red",
    Status.REWIND: "bold red",
    Status.STOP: "bold red",
}


def top(
    once: Annotated[bool, typer.Option(help="Print one picture and end.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Watch every group: lag, age, rates, status, time until caught up. Ctrl-C ends it.

    --json prints a document a look, each on a line.
    """
    settings = load_settings()
    console = Console()
    with closing(OverviewCollector(settings)) as collector, _screen(console, once, as_json) as show:
        while True:
            try:
                show(collector.collect(time.time()))
            except Transient as problem:
                if once:
                    raise
                show(problem)
            if once:
                return
            time.sleep(settings.lag.interval_seconds)


@contextmanager
def _screen(
    console: Console, once: bool, as_json: bool
) -> Iterator[Callable[[Overview | Transient], None]]:
    """Yield what prints an overview: a line of JSON, or the redrawn terminal."""
    if as_json:
        yield lambda seen: typer.echo(
            msgspec.json.encode({"away": str(seen)} if isinstance(seen, Transient) else seen)
        )
        return
    with Live(console=console, auto_refresh=False, screen=console.is_terminal and not once) as live:
        yield lambda seen: live.update(picture(seen, datetime.now(UTC)), refresh=True)


def picture(overview: Overview | Transient, now: datetime) -> RenderableType:
    """Return what the terminal shows; without an overview, that the broker is down."""
    if isinstance(overview, Transient):
        return Text(f"Kafka does not answer: {overview}", "bold red")
    return Group(
        Text(f"Stylecast, {now:%Y-%m-%d %H:%M:%S} UTC", "bold"),
        _groups(overview.groups),
        _dead_letters(overview.dead_letters),
        *(
            Text(f"{name} {model.version}, made {_age((now - model.made_at).total_seconds())} ago")
            for name, model in sorted(overview.models.items())
        ),
    )


def _groups(groups: list[GroupLag]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("group")
    for name in ("lag", "oldest", "read/s", "written/s", "caught up in", "members"):
        table.add_column(name, justify="right")
    table.add_column("status")
    for group in groups:
        status = group.status
        table.add_row(
            group.group,
            f"{group.lag:,}",
            _age(group.time_lag),
            _rate(group.read_rate),
            _rate(group.write_rate),
            _age(group.drain_seconds),
            str(group.members),
            Text(status, COLOURS[status]) if status else Text("looking", "dim"),
        )
    return table


def _dead_letters(counts: dict[str, int]) -> Text:
    waiting = [f"{topic} {count:,}" for topic, count in counts.items() if count]
    if not waiting:
        return Text("No dead letters.")
    return Text(f"Dead letters that wait: {', '.join(waiting)}", "yellow")


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _age(seconds: float | None) -> str:
    """Return '0.4 s', '3 min', '5 h' or '2 days'; '-' where it is not known."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, size, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
