"""`stylecast settings`: what is in force."""

from __future__ import annotations

import typer

from workers.commands.printing import JsonFlag, print_json
from workers.settings import load_settings, public_settings


def settings(as_json: JsonFlag = False) -> None:
    """Print the effective settings, secrets hidden."""
    values = public_settings(load_settings())
    if as_json:
        print_json(values)
        return
    for part, inner in values.items():
        for name, value in inner.items():
            typer.echo(f"STYLECAST_{part}__{name}".upper() + f"={value}")
