"""`stylecast factors list / use VERSION / unpin`: the artifacts in the store, and which is used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from workers.commands.printing import JsonFlag, print_json, print_table
from workers.settings import load_settings

LATEST = "latest"

app = typer.Typer(help="The recommender's factors, and which are in use.", no_args_is_help=True)


@app.command(name="list")
def list_factors(as_json: JsonFlag = False) -> None:
    """List the artifacts in the store, the newest first."""
    from workers.factor_versions import factor_versions

    rows = factor_versions(load_settings())
    print_json(rows) if as_json else print_table("Factors", rows)


@app.command()
def use(
    version: Annotated[str, typer.Argument(help="As `list` shows it, or 'latest'.")],
) -> None:
    """Announce an artifact of the store again and pin it; 'latest' is not pinned.

    While a version is pinned the trainer announces no other.
    """
    from workers.factor_versions import announce, latest_version

    settings = load_settings()
    if version == LATEST:
        version = latest_version(settings)
        announce(settings, version, datetime.now(UTC), pinned=False)
        typer.echo(f"announced {version}; the trainer goes on from it")
    else:
        announce(settings, version, datetime.now(UTC), pinned=True)
        typer.echo(f"announced {version}, pinned: `stylecast factors unpin` lets refits go on")


@app.command()
def unpin() -> None:
    """Let refits go on, from the version in use."""
    from workers.factor_versions import announce, version_in_use

    settings = load_settings()
    version = version_in_use(settings)
    announce(settings, version, datetime.now(UTC), pinned=False)
    typer.echo(f"announced {version}, not pinned: the trainer goes on from it")
