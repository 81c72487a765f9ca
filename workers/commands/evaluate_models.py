"""`stylecast evaluate features / gate / generator / matte`: the shipped models on photos of yours.

`gate` chooses the gate's bounds from good and broken renders; `generator` compares the generator
with its baselines, in figures and contact sheets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import typer
from rich.console import Console

from stylecore.evaluation import table as generator_table
from stylecore.evaluation.features import HEADLINE, evaluate_features
from stylecore.evaluation.gate import (
    CUT_OUT,
    GOOD,
    bounds_of_tables,
    draw_all,
    good_kind,
    photos_of,
    specimens,
    tables_of,
)
from stylecore.evaluation.gate_report import bound_sheet, report
from stylecore.evaluation.generator import Evaluation, EvaluationSettings, evaluate
from stylecore.evaluation.inputs import write
from stylecore.evaluation.matte import evaluate_matte
from stylecore.imaging.contact_sheet import labelled_photos
from stylecore.models import FEATURES, GENERATOR, MATTE
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import GALLERY_PHOTOS, FeatureNet, write_gallery
from stylecore.rendering.gate import load_quality_model
from stylecore.rendering.manifest import MANIFEST, Bounds, encode_manifest, load_manifest
from stylecore.rendering.matte import MatteNet
from workers.commands.evaluate_recommender import evaluate_policy, evaluate_preferences
from workers.commands.printing import JsonFlag, print_json, print_line, print_table
from workers.settings import load_settings

REPORT, GATE_SHEETS = "report.md", "sheets"
WORST = 10
"""Photos that `evaluate matte` names."""


def evaluate_gate(
    photos: Annotated[
        list[Path],
        typer.Option(help="Photos that were not trained on; repeatable, in equal parts."),
    ],
    output: Annotated[Path, typer.Option(help="Folder for report.md and sheets to look at.")],
    generator: Annotated[Path | None, typer.Option(help="Default: the one in use.")] = None,
    features: Annotated[Path, typer.Option(help="Folder of the feature network.")] = FEATURES,
    gallery: Annotated[
        list[Path] | None,
        typer.Option(help="Rebuild the network's gallery from these photos first; repeatable."),
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
        print_line(f"a gallery of {len(chosen)} photos in {features}")
    engine = Engine(folder, provider="cpu", threads=threads)
    styles = only or [style.style_id for style in engine.manifest.styles]
    chosen, quality_model = photos_of(photos, limit), load_quality_model(features)
    drawn = {
        kind: draw_all(engine, chosen, styles, seed, print_line, matte_net)
        for kind, matte_net in ((GOOD, None), (CUT_OUT, MatteNet(MATTE)))
    }
    found = [
        specimen
        for some in drawn.values()
        for specimen in specimens(some, quality_model, engine.manifest, threads, print_line)
    ]
    tables = {style: tables_of(found, style) for style in styles}
    bounds = {style: bounds_of_tables(mine) for style, mine in tables.items()}
    whole, cut = (len(drawn[kind].stems) for kind in (GOOD, CUT_OUT))
    heading = f"{engine.manifest.version} on {whole} photos, {cut} of them cut out as well."
    for style, mine in tables.items():
        for table in mine:
            sheet = bound_sheet(table, found, drawn[good_kind(table.figure)])
            write(np.asarray(sheet), output / GATE_SHEETS / f"{style}-{table.figure}.png")
    (output / REPORT).write_text(report(heading, found, tables, bounds), encoding="utf-8")
    (output / "specimens.json").write_bytes(msgspec.json.encode(found))
    if write_bounds:
        write_to_manifest(folder, bounds)
    where = f", bounds in {folder / MANIFEST}" if write_bounds else ""
    typer.echo(f"look at {output / REPORT} and {output / GATE_SHEETS}{where}")


def write_to_manifest(folder: Path, bounds: Mapping[str, Bounds]) -> None:
    """Put the bounds, by style, into the manifest of a generator's folder. Raises Permanent."""
    manifest = load_manifest(folder)
    styles = tuple(
        msgspec.structs.replace(style, bounds=bounds.get(style.style_id, style.bounds))
        for style in manifest.styles
    )
    bounded = msgspec.structs.replace(manifest, styles=styles)
    (folder / MANIFEST).write_bytes(encode_manifest(bounded))


GENERATOR_SHEETS = "sheets"
WIDTH = 200
"""Columns of the table where no terminal says how wide it is."""


def evaluate_generator(
    photos: Annotated[
        list[Path], typer.Option(help="Photos that were not trained on; repeatable.")
    ],
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
    wanted = EvaluationSettings(
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
    found = evaluate(wanted, engine, report=print_line)
    figures = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    write_report(found, figures, output)
    if json:
        typer.echo(figures)
        return
    console = Console()
    print_evaluation(found, console if console.is_terminal else Console(width=WIDTH))
    typer.echo(
        f"pictures, figures.json, table.txt in {output}; look at {output / GENERATOR_SHEETS}"
    )


def write_report(found: Evaluation, figures: str, output: Path) -> None:
    """Write figures.json, table.txt and a sheet a style, beside the pictures."""
    (output / "figures.json").write_text(figures + "\n", encoding="utf-8")
    with (output / "table.txt").open("w", encoding="utf-8") as file:
        print_evaluation(found, Console(file=file, width=WIDTH))
    (output / GENERATOR_SHEETS).mkdir(exist_ok=True)
    painters = {style: list(rows) for style, rows in found.styles.items()}
    for style, sheet in generator_table.sheets(output, found.photos, painters):
        sheet.save(output / GENERATOR_SHEETS / f"{style}.png")


def print_evaluation(found: Evaluation, console: Console) -> None:
    """Print the table of styles with their mean, how it was measured, and the footnotes."""
    times = found.times
    console.print(
        f"{found.generator} on {len(found.photos)} photos: {times.generator_ms:.0f} ms a picture "
        f"of 256 x 256 on {times.threads} threads, {times.ratio:.2f} of the "
        f"{times.baseline_ms:.0f} ms of a conditional-instance-norm network of "
        f"{times.baseline_parameters / 1e6:.2f} M parameters in the same run",
        soft_wrap=True,
    )
    rows = {**found.styles, "mean": generator_table.mean_rows(found.styles)}
    console.print(generator_table.table(rows))
    for line in generator_table.footnotes(found.styles):
        console.print(line, soft_wrap=True, highlight=False)


evaluate_app = typer.Typer(help="Measure the models on photos.", no_args_is_help=True)
evaluate_app.command("gate")(evaluate_gate)
evaluate_app.command("generator")(evaluate_generator)
evaluate_app.command("policy")(evaluate_policy)
evaluate_app.command("preferences")(evaluate_preferences)


@evaluate_app.command("matte")
def evaluate_matte_command(
    photos: Annotated[Path, typer.Option(help="Photos that were not trained on.")],
    mattes: Annotated[Path, typer.Option(help="Their mattes: the same paths, as .png.")],
    model: Annotated[Path, typer.Option(help="Folder or ONNX file of a matte network.")] = MATTE,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    json: JsonFlag = False,
) -> None:
    """Measure overlap and edges of the matte network, beside baselines, against known mattes."""
    report = evaluate_matte(MatteNet(model, threads=threads), photos, mattes, print_line)
    if json:
        print_json(report)
        return
    title = f"{len(report.photos)} photos"
    print_table(title, [{"method": name} | row for name, row in report.rows.items()])
    print_table("worst", [{"photo": name, "iou": iou} for name, iou in report.photos[:WORST]])


@evaluate_app.command("features")
def evaluate_features_command(
    photos: Annotated[Path, typer.Option(help="Photos; sub-folders are categories.")],
    model: Annotated[Path, typer.Option(help="Folder of the feature network.")] = FEATURES,
    generator: Annotated[Path, typer.Option(help="Folder of the generator.")] = GENERATOR,
    drawn: Annotated[int, typer.Option(min=2, help="Photos that are drawn in every style.")] = 61,
    gradients: Annotated[bool, typer.Option(help="Retrieval by oriented gradients too.")] = False,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    json: JsonFlag = False,
) -> None:
    """Measure categories, calibration, styles and retrieval of the feature network."""
    report = evaluate_features(
        FeatureNet(model, threads=threads),
        Engine(generator, provider="cpu", threads=threads),
        labelled_photos(photos),
        drawn=drawn,
        gradients=gradients,
        progress=print_line,
    )
    if json:
        print_json(report)
        return
    print_table(
        f"{report.photos} photos, {report.drawn} of them drawn",
        [{"figure": name, "value": float(getattr(report, name))} for name in HEADLINE],
    )
    print_table(
        "categories", [{"category": name} | vars(row) for name, row in report.categories.items()]
    )
    print_table(
        "confusion: a row a true category",
        [{"true": name, **row} for name, row in report.confusion.items()],
    )
    print_table("styles", [{"style": name} | vars(row) for name, row in report.styles.items()])
