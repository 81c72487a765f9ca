"""`stylecast factors list / use VERSION`: the artifacts in the store, and going back to one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from workers.commands.printing import JsonFlag, print_json, print_table
from workers.settings import load_settings

app = typer.Typer(help="The recommender's factors, and which are in use.", no_args_is_help=True)


@app.command(name="list")
def list_factors(as_json: JsonFlag = False) -> None:
    """List the artifacts in the store, the newest first."""
    from workers.factor_versions import factor_versions

    rows = factor_versions(load_settings())
    print_json(rows) if as_json else print_table("Factors", rows)


@app.command()
def use(version: Annotated[str, typer.Argument(help="As `list` shows it.")]) -> None:
    """Announce an artifact of the store again; stop the trainer first, or its next refit counts."""
    from workers.factor_versions import announce

    announce(load_settings(), version, datetime.now(UTC))
    typer.echo(f"announced {version}")
