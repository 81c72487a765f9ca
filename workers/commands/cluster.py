"""Commands about the cluster:

- `stylecast broker`: the local Kafka in the foreground
- `stylecast topics apply / check / show / copy / acls`: the table of topics and the cluster
- `stylecast lag`: the lag of every group, once
- `stylecast top`: groups, lag, rates, status, dead letters and models, live in a terminal
- `stylecast settings`: the settings in force
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.topics import TOPICS, USER_PARTITIONS
from stylecore.errors import Permanent, Transient
from workers.commands.printing import JsonFlag, print_json, print_table
from workers.lag.overview import Overview, OverviewCollector
from workers.lag.status import GroupLag, Status
from workers.settings import load_settings, public_settings


def broker(
    folder: Annotated[
        Path | None, typer.Option(help="Keep the data here; else it goes with the broker.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="A free port by default.")] = None,
) -> None:
    """Run a local Kafka until Ctrl-C; the first line is its bootstrap address."""
    from workers.broker import run_broker_in_foreground

    run_broker_in_foreground(folder, port)


topics_app = typer.Typer(help="Create the topics of the table, or compare.", no_args_is_help=True)

UserPartitions = Annotated[int, typer.Option(min=1, help="Partitions of the topics keyed by user.")]


@topics_app.command()
def apply(user_partitions: UserPartitions = USER_PARTITIONS, as_json: JsonFlag = False) -> None:
    """Create what is missing and set what differs; never deletes."""
    from workers.kafka.topics import apply_topics

    touched = apply_topics(load_settings(), user_partitions)
    if as_json:
        print_json(touched)
    else:
        typer.echo("\n".join(touched) or "nothing to do")


@topics_app.command()
def check(user_partitions: UserPartitions = USER_PARTITIONS, as_json: JsonFlag = False) -> None:
    """Say how the cluster differs; exit 1 where that is an error and not only a note."""
    from workers.kafka.topics import check_topics

    differences = check_topics(load_settings(), user_partitions)
    if as_json:
        print_json(msgspec.to_builtins(differences))
    else:
        typer.echo("\n".join(map(str, differences)) or "as wanted")
    if any(difference.is_error for difference in differences):
        raise typer.Exit(1)


@topics_app.command()
def show(as_json: JsonFlag = False) -> None:
    """List the topics that the cluster has."""
    from workers.kafka.topics import show_topics

    found = [msgspec.to_builtins(topic) for topic in show_topics(load_settings())]
    if as_json:
        print_json(found)
    else:
        print_table("Topics", found)


@topics_app.command()
def copy(
    to_prefix: Annotated[str, typer.Option(help="Of the topics to copy into; they must be there.")],
    topics: Annotated[list[str] | None, typer.Argument(help="Some; without, all tables.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Copy the compacted topics to those of another prefix, whatever partitions those have."""
    from workers.kafka.table import copy_tables

    wanted = [topic for topic in TOPICS if topic.cleanup == "compact"]
    if topics:
        wanted = [topic for topic in TOPICS if topic.name in topics]
        if unknown := sorted(set(topics) - {topic.name for topic in wanted}):
            raise Permanent(f"no topics of the table: {', '.join(unknown)}")
    copied = copy_tables(load_settings(), to_prefix, wanted)
    if as_json:
        print_json(copied)
    else:
        print_table("Copied", [{"topic": name, "records": n} for name, n in copied.items()])


@topics_app.command()
def acls(
    file: Annotated[Path, typer.Argument(help="deploy/acls.yaml, or your own.")],
    apply: Annotated[bool, typer.Option("--apply", help="Grant them on the cluster.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the access rights as lines of kafka-acls.sh, or grant them."""
    from workers.kafka.acls import apply_acls, grants, read_acls

    settings = load_settings()
    wanted = list(grants(settings, read_acls(file)))
    if apply:
        apply_acls(settings, wanted)
    if as_json:
        print_json(msgspec.to_builtins(wanted))
    else:
        typer.echo("\n".join(map(str, wanted)))


def lag(as_json: JsonFlag = False) -> None:
    """Print how far each group is behind, by partition."""
    from workers.lag import collect_lag

    groups = msgspec.to_builtins(collect_lag(load_settings()))
    if as_json:
        print_json(groups)
        return
    for group in groups:
        print_table(f"{group['group']}", group["partitions"])


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
            show(_look(collector, once))
            if once:
                return
            time.sleep(settings.lag.interval_seconds)


def _look(collector: OverviewCollector, once: bool) -> Overview | Transient:
    try:
        return collector.collect(time.time())
    except Transient as problem:
        if once:
            raise
        return problem


@contextmanager
def _screen(
    console: Console, once: bool, as_json: bool
) -> Iterator[Callable[[Overview | Transient], None]]:
    """Yield what prints an overview: a line of JSON, or the redrawn terminal."""
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


def settings(as_json: JsonFlag = False) -> None:
    """Print the effective settings, secrets hidden."""
    values = public_settings(load_settings())
    if as_json:
        print_json(values)
        return
    for part, inner in values.items():
        for name, value in inner.items():
            typer.echo(f"STYLECAST_{part}__{name}".upper() + f"={value}")
