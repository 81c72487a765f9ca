"""`stylecast top`: groups, lag, rates, status, dead letters and models, live in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stylecore.errors import Transient
from workers.commands.printing import JsonFlag
from workers.lag.group_lag import GroupLag
from workers.lag.overview import Overlooker, Overview
from workers.lag.status import Status
from workers.settings import load_settings

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
    with closing(Overlooker(settings)) as overlooker, _screen(console, once, as_json) as show:
        while True:
            show(_look(overlooker, once))
            if once:
                return
            time.sleep(settings.lag.interval_seconds)


def _look(overlooker: Overlooker, once: bool) -> Overview | Transient:
    try:
        return overlooker.look(time.time())
    except Transient as problem:
        if once:
            raise
        return problem


@contextmanager
def _screen(
    console: Console, once: bool, as_json: bool
) -> Iterator[Callable[[Overview | Transient], None]]:
    """What shows a look: a line of JSON, or the whole terminal anew."""
    if as_json:
        yield _print_line
        return
    with Live(console=console, auto_refresh=False, screen=console.is_terminal and not once) as live:
        yield lambda seen: live.update(picture(seen, datetime.now(UTC)), refresh=True)


def _print_line(seen: Overview | Transient) -> None:
    document = {"away": str(seen)} if isinstance(seen, Transient) else seen
    typer.echo(msgspec.json.encode(document).decode())


def picture(overview: Overview | Transient, now: datetime) -> RenderableType:
    """What the terminal shows; Kafka was away where there is no overview."""
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
    """'0.4 s', '3 min', '5 h', '2 days'; '-' where it is not known."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, size, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
