"""`stylecast evaluate generator`: the generator beside its baselines, in figures and in sheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console

from stylecore.evaluation.generator import Evaluation, Wanted, evaluate
from stylecore.evaluation.table import footnotes, mean_rows, sheets, table
from stylecore.rendering.engine import Engine
from workers.commands.printing import JsonFlag
from workers.settings import load_settings

SHEETS = "sheets"
WIDTH = 200
"""Columns of the table where no terminal says how wide it is."""


def evaluate_generator(
    photos: Annotated[list[Path], typer.Option(help="Photos nobody trained on; repeatable.")],
    styles: Annotated[Path, typer.Option(help="Reference pictures, one folder a style.")],
    output: Annotated[Path, typer.Option(help="Folder for pictures, figures and sheets.")],
    generator: Annotated[Path | None, typer.Option(help="Default: the one in use.")] = None,
    perceptual: Annotated[
        Path | None, typer.Option(help="squeezenet1_0.npz; without it half of the figures lack.")
    ] = None,
    microast: Annotated[
        Path | None, typer.Option(help="ONNX file of two inputs, content and style picture.")
    ] = None,
    limit: Annotated[int, typer.Option(min=3, help="Photos, taken at even distances.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 1,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    teachers: Annotated[bool, typer.Option(help="Let the teachers paint, too.")] = True,
    only: Annotated[
        list[str] | None, typer.Option(help="A style; repeatable. Default all.")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "int8"], typer.Option(help="auto: as it is served.")
    ] = "auto",
    json: JsonFlag = False,
) -> None:
    """Measure every style beside a copy of the photo, its teacher and MicroAST."""
    folder = generator or load_settings().stylize.generator
    engine = Engine(folder, provider="cpu", threads=threads, precision=precision)
    wanted = Wanted(
        photos=tuple(photos),
        styles=styles,
        output=output,
        perceptual=perceptual,
        microast=microast,
        limit=limit,
        seed=seed,
        threads=threads,
        teachers=teachers,
        only=tuple(only or ()),
    )
    found = evaluate(wanted, engine, report=lambda line: typer.echo(line, err=True))
    figures = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    write_report(found, figures, output)
    if json:
        typer.echo(figures)
        return
    console = Console()
    print_evaluation(found, console if console.is_terminal else Console(width=WIDTH))
    typer.echo(f"pictures, figures.json, table.txt in {output}; look at {output / SHEETS}")


def write_report(found: Evaluation, figures: str, output: Path) -> None:
    """figures.json, table.txt and a sheet a style, beside the pictures."""
    (output / "figures.json").write_text(figures + "\n", encoding="utf-8")
    with (output / "table.txt").open("w", encoding="utf-8") as file:
        print_evaluation(found, Console(file=file, width=WIDTH))
    (output / SHEETS).mkdir(exist_ok=True)
    painters = {style: list(rows) for style, rows in found.styles.items()}
    for style, sheet in sheets(output, found.photos, painters):
        sheet.save(output / SHEETS / f"{style}.png")


def print_evaluation(found: Evaluation, console: Console) -> None:
    """The table of styles with their mean, what it was measured with, and the footnotes."""
    times = found.times
    console.print(
        f"{found.generator} on {len(found.photos)} photos: {times.generator_ms:.0f} ms a picture "
        f"of 256 x 256 on {times.threads} threads, {times.ratio:.2f} of the "
        f"{times.baseline_ms:.0f} ms of a conditional-instance-norm network of "
        f"{times.baseline_parameters / 1e6:.2f} M parameters in the same run",
        soft_wrap=True,
    )
    rows = {**found.styles, "mean": mean_rows(found.styles)}
    console.print(table(rows))
    for line in footnotes(found.styles):
        console.print(line, soft_wrap=True, highlight=False)
