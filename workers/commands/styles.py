"""`stylecast styles`: what the generator can draw."""

from __future__ import annotations

from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from stylecore.rendering.manifest import ManifestStyle, load_manifest
from workers.commands.printing import JsonFlag, print_json
from workers.settings import load_settings


def styles(as_json: JsonFlag = False) -> None:
    """List the generator's styles: name, label, kind, paper, swatch."""
    folder = load_settings().stylize.generator
    manifest = load_manifest(folder)
    if as_json:
        rows: list[dict[str, Any]] = [
            {**msgspec.to_builtins(style), "swatch": str(folder / style.swatch)}
            for style in manifest.styles
        ]
        print_json(rows)
        return
    table = Table(title=f"Generator {manifest.version}", title_justify="left")
    for name in ("style", "label", "kind", "paper", "colour only", "description"):
        table.add_column(name, overflow="fold")
    for style in manifest.styles:
        colour_only = "yes" if style.colour_only else "no"
        table.add_row(
            style.style_id, style.label, style.kind, _paper(style), colour_only, style.description
        )
    Console().print(table)
    typer.echo(f"swatches: {folder / 'swatches'}")


def _paper(style: ManifestStyle) -> str:
    if style.paper is None:
        return "white stays"
    colour = "#{:02x}{:02x}{:02x}".format(*style.paper)
    return f"[on {colour}]    [/] {colour}"
