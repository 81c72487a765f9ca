"""Tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from schemas.events import RejectionReason
from stylecore.rendering.manifest import SMALLER_IS_BETTER, rounded_apart
from workers.telemetry import escaped

JsonFlag = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
FOLDED = 24
"""Characters of a folded cell's line."""


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_line(line: str) -> None:
    """Print a line of progress or of trouble on standard error."""
    typer.echo(line, err=True)


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows as one JSON document or as a table."""
    if as_json:
        print_json(rows)
    else:
        print_table(title, rows)


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table with the first row's keys as columns; a block a row where it is too wide."""
    console = Console()
    if not rows:
        console.print(f"{title}: none")
        return
    names = [name.replace("_", " ") for name in rows[0]]
    cells = [[_cell(value) for value in row.values()] for row in rows]
    # A long cell can be folded to this width and still be read.
    widths = [min(max(map(len, column)), FOLDED) for column in zip(names, *cells, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 > console.width:
        _print_blocks(console, title, names, cells)
        return
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _print_blocks(
    console: Console, title: str, names: Sequence[str], cells: Sequence[Sequence[str]]
) -> None:
    width = max(map(len, names))
    console.print(title, style="italic")
    for number, row in enumerate(cells, start=1):
        console.print(f"- {number}", style="dim")
        for name, cell in zip(names, row, strict=True):
            console.print(
                f"  {name:{width}}  {cell}", markup=False, highlight=False, soft_wrap=True
            )


def reasons_in_words(reasons: Sequence[RejectionReason]) -> str:
    """Return why the gate rejects a picture, as 'structure 0.12 below 0.20 (what to do)'."""
    return "; ".join(_in_words(reason) for reason in reasons)


def _in_words(reason: RejectionReason) -> str:
    if reason.value is None or reason.bound is None:
        return f"{reason.figure}: {reason.text or ''}"
    side = "above" if reason.figure in SMALLER_IS_BETTER else "below"
    value, bound = rounded_apart(reason.value, reason.bound)
    advice = f" ({reason.text})" if reason.text else ""
    return f"{reason.figure} {value} {side} {bound}{advice}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key}={inner}" for key, inner in value.items())
    return f"{value:.3f}" if isinstance(value, float) else escaped(str(value))
