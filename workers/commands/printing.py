"""Tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from schemas.events import RejectionReason
from stylecore.bounds import SMALLER_IS_BETTER, rounded_apart

JsonFlag = Annotated[bool, typer.Option("--json", help="JSON for programs.")]


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table with the keys of the first row as its columns."""
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table if rows else f"{title}: none")


def reasons_in_words(reasons: Sequence[RejectionReason]) -> str:
    """Why the gate rejects a picture: 'structure 0.12 below 0.20'."""
    return ", ".join(_in_words(reason) for reason in reasons)


def _in_words(reason: RejectionReason) -> str:
    if reason.value is None or reason.bound is None:
        return f"{reason.figure}: {reason.text or ''}"
    side = "above" if reason.figure in SMALLER_IS_BETTER else "below"
    value, bound = rounded_apart(reason.value, reason.bound)
    return f"{reason.figure} {value} {side} {bound}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key}={inner}" for key, inner in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)
