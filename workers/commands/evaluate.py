"""`stylecast evaluate ...`: how good the shipped models are, measured on photos of yours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stylecore.evaluation.features import HEADLINE, FeaturesReport, evaluate_features
from stylecore.imaging.contact_sheet import labelled_photos
from stylecore.models import FEATURES, GENERATOR
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import FeatureNet
from workers.commands.evaluate_gate import evaluate_gate
from workers.commands.evaluate_generator import evaluate_generator
from workers.commands.evaluate_policy import evaluate_policy
from workers.commands.evaluate_preferences import evaluate_preferences
from workers.commands.printing import JsonFlag, print_json, print_table

app = typer.Typer(help="Measure the models on photos.", no_args_is_help=True)
app.command("gate")(evaluate_gate)
app.command("generator")(evaluate_generator)
app.command("policy")(evaluate_policy)
app.command("preferences")(evaluate_preferences)


@app.command("features")
def evaluate_features_command(
    photos: Annotated[Path, typer.Option(help="Photos; sub-folders are categories.")],
    model: Annotated[Path, typer.Option(help="Folder of the feature network.")] = FEATURES,
    generator: Annotated[Path, typer.Option(help="Folder of the generator.")] = GENERATOR,
    drawn: Annotated[int, typer.Option(min=2, help="Photos that are drawn in every style.")] = 61,
    gradients: Annotated[bool, typer.Option(help="Retrieval by oriented gradients too.")] = False,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    json: JsonFlag = False,
) -> None:
    """Categories, calibration, styles and retrieval of the feature network."""
    report = evaluate_features(
        FeatureNet(model, threads=threads),
        Engine(generator, provider="cpu", threads=threads),
        labelled_photos(photos),
        drawn=drawn,
        gradients=gradients,
        progress=lambda line: typer.echo(line, err=True),
    )
    if json:
        print_json(report)
    else:
        _print_features(report)


def _print_features(report: FeaturesReport) -> None:
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
