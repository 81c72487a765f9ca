"""`stylecast topics apply / check / show`: the table of topics and the cluster."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from schemas.topics import USER_PARTITIONS
from workers.commands.printing import JsonFlag, print_json, print_table
from workers.settings import load_settings

app = typer.Typer(help="Create the topics of the table, or compare.", no_args_is_help=True)

UserPartitions = Annotated[int, typer.Option(min=1, help="Partitions of the topics keyed by user.")]


@app.command()
def apply(user_partitions: UserPartitions = USER_PARTITIONS, as_json: JsonFlag = False) -> None:
    """Create what is missing and set what differs; never deletes."""
    from workers.topics import apply_topics

    touched = apply_topics(load_settings(), user_partitions)
    if as_json:
        print_json(touched)
    else:
        typer.echo("\n".join(touched) or "nothing to do")


@app.command()
def check(user_partitions: UserPartitions = USER_PARTITIONS, as_json: JsonFlag = False) -> None:
    """Say how the cluster differs; exit 1 where it does."""
    from workers.topics import check_topics

    differences = check_topics(load_settings(), user_partitions)
    if as_json:
        print_json(msgspec.to_builtins(differences))
    else:
        typer.echo("\n".join(map(str, differences)) or "as wanted")
    if differences:
        raise typer.Exit(1)


@app.command()
def show(as_json: JsonFlag = False) -> None:
    """List the topics that the cluster has."""
    from workers.topics import show_topics

    found = [msgspec.to_builtins(topic) for topic in show_topics(load_settings())]
    if as_json:
        print_json(found)
    else:
        print_table("Topics", found)
