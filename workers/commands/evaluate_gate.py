"""`stylecast evaluate gate`: the gate's bounds, chosen from good renders and from broken ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer

from stylecore.evaluation.gate import (
    Drawn,
    Specimen,
    Table,
    bounds_of_tables,
    draw_all,
    photos_of,
    specimens,
    tables_of,
)
from stylecore.evaluation.gate_report import bound_sheet, report
from stylecore.evaluation.inputs import write
from stylecore.models import FEATURES
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import GALLERY_PHOTOS, write_gallery
from stylecore.rendering.gate import load_examiner
from stylecore.rendering.manifest import MANIFEST, Bounds, encode_manifest, load_manifest
from workers.settings import load_settings

REPORT, SHEETS = "report.md", "sheets"


def evaluate_gate(
    photos: Annotated[
        list[Path], typer.Option(help="Photos nobody trained on; repeatable, in equal parts.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for report.md and sheets to look at.")],
    generator: Annotated[Path | None, typer.Option(help="Default: the one in use.")] = None,
    features: Annotated[Path, typer.Option(help="Folder of the feature network.")] = FEATURES,
    gallery: Annotated[
        list[Path] | None,
        typer.Option(help="Make the network's gallery anew from these photos first; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(min=3, help="Photos.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 1,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    only: Annotated[
        list[str] | None, typer.Option(help="A style; repeat for two or more. Default all.")
    ] = None,
    write_bounds: Annotated[
        bool, typer.Option("--write", help="Put the bounds into the generator's manifest.")
    ] = False,
) -> None:
    """Measure good renders and broken ones, and choose each style's bounds."""
    folder = generator or load_settings().stylize.generator
    if gallery:
        chosen = photos_of(gallery, GALLERY_PHOTOS * len(gallery))
        write_gallery(features, list(chosen.values()))
        _line(f"a gallery of {len(chosen)} photos in {features}")
    engine = Engine(folder, provider="cpu", threads=threads)
    styles = only or [style.style_id for style in engine.manifest.styles]
    drawn = draw_all(engine, photos_of(photos, limit), styles, seed, _line)
    found = specimens(drawn, load_examiner(features), engine.manifest, threads, _line)
    tables = {style: tables_of(found, style) for style in drawn.styles}
    bounds = {style: bounds_of_tables(mine) for style, mine in tables.items()}
    heading = f"{engine.manifest.version} on {len(drawn.stems)} photos."
    _write_report(output, report(heading, found, tables, bounds), found, tables, drawn)
    if write_bounds:
        write_to_manifest(folder, bounds)
    where = f", bounds in {folder / MANIFEST}" if write_bounds else ""
    typer.echo(f"look at {output / REPORT} and {output / SHEETS}{where}")


def write_to_manifest(folder: Path, bounds: Mapping[str, Bounds]) -> None:
    """Put the bounds, by style, into the manifest of a generator's folder. Raises Permanent."""
    manifest = load_manifest(folder)
    styles = tuple(
        msgspec.structs.replace(style, bounds=bounds.get(style.style_id, style.bounds))
        for style in manifest.styles
    )
    bounded = msgspec.structs.replace(manifest, styles=styles)
    (folder / MANIFEST).write_bytes(encode_manifest(bounded))


def _write_report(
    output: Path,
    text: str,
    found: Sequence[Specimen],
    tables: Mapping[str, Sequence[Table]],
    drawn: Drawn,
) -> None:
    for style, mine in tables.items():
        for table in mine:
            sheet = bound_sheet(table, found, drawn)
            write(np.asarray(sheet), output / SHEETS / f"{style}-{table.figure}.png")
    (output / REPORT).write_text(text, encoding="utf-8")
    (output / "specimens.json").write_bytes(msgspec.json.encode(found))


def _line(line: str) -> None:
    typer.echo(line, err=True)
