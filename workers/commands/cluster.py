"""Commands about the cluster:

- `stylecast broker`: the local Kafka in the foreground
- `stylecast topics apply / check / show / copy / acls`: the table of topics and the cluster
- `stylecast lag`: the lag of every group, once
- `stylecast settings`: the settings in force
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from schemas.topics import TOPICS, USER_PARTITIONS
from stylecore.errors import Permanent
from workers.broker import run_broker_in_foreground
from workers.commands.printing import JsonFlag, print_json, print_rows, print_table
from workers.kafka.acls import apply_acls, grants, read_acls
from workers.kafka.table import copy_tables
from workers.kafka.topics import apply_topics, check_topics, show_topics
from workers.lag import collect_lag
from workers.settings import load_settings, public_settings


def broker(
    folder: Annotated[
        Path | None, typer.Option(help="Keep the data here; else it goes with the broker.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="A free port by default.")] = None,
) -> None:
    """Run a local Kafka until Ctrl-C; the first line is its bootstrap address."""
    run_broker_in_foreground(folder, port)


topics_app = typer.Typer(help="Create the topics of the table, or compare.", no_args_is_help=True)

UserPartitions = Annotated[int, typer.Option(min=1, help="Partitions of the topics keyed by user.")]


@topics_app.command()
def apply(user_partitions: UserPartitions = USER_PARTITIONS, as_json: JsonFlag = False) -> None:
    """Create what is missing and set what differs; never deletes."""
    touched = apply_topics(load_settings(), user_partitions)
    if as_json:
        print_json(touched)
    else:
        typer.echo("\n".join(touched) or "nothing to do")


@topics_app.command()
def check(user_partitions: UserPartitions = USER_PARTITIONS, as_json: JsonFlag = False) -> None:
    """Say how the cluster differs; exit 1 where that is an error and not only a note."""
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
    print_rows("Topics", msgspec.to_builtins(show_topics(load_settings())), as_json=as_json)


@topics_app.command()
def copy(
    to_prefix: Annotated[str, typer.Option(help="Of the topics to copy into; they must be there.")],
    topics: Annotated[list[str] | None, typer.Argument(help="Some; without, all tables.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Copy the compacted topics to those of another prefix, whatever partitions those have."""
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
    groups = msgspec.to_builtins(collect_lag(load_settings()))
    if as_json:
        print_json(groups)
        return
    for group in groups:
        print_table(f"{group['group']}", group["partitions"])


def settings(as_json: JsonFlag = False) -> None:
    """Print the effective settings, secrets hidden."""
    values = public_settings(load_settings())
    if as_json:
        print_json(values)
        return
    for part, inner in values.items():
        for name, value in inner.items():
            typer.echo(f"STYLECAST_{part}__{name}".upper() + f"={value}")
