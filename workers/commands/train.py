"""`stylecast train ...` trains models from photos and references; `stylecast export` converts them.

`export` turns a checkpoint into ONNX, and an ONNX generator into other precisions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stylecore.errors import SettingsError
from stylecore.evaluation.gate import photos_of
from stylecore.evaluation.generator import EvaluationSettings, evaluate
from stylecore.evaluation.painters import OURS
from stylecore.models import FEATURES, GENERATOR
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import GALLERY_PHOTOS, write_gallery
from workers.commands.evaluate_models import evaluate_gate
from workers.commands.printing import print_line

train_app = typer.Typer(help="Train; needs the extra 'train'.", no_args_is_help=True)

Photos = Annotated[Path, typer.Option(help="Product photos; sub-folders are categories.")]
Run = Annotated[Path, typer.Option(help="Folder of the run: settings, losses, checkpoint.")]
Output = Annotated[Path, typer.Option(help="Folder to write to.")]
Version = Annotated[str | None, typer.Option(help="Of the manifest; today's by default.")]


@train_app.command("generator")
def train_generator(
    photos: Photos,
    styles: Annotated[Path, typer.Option(help="Reference pictures, one folder a style.")],
    perceptual: Annotated[Path, typer.Option(help="squeezenet1_0.npz, of the losses.")],
    run: Run,
    output: Output,
    start: Annotated[
        Path | None, typer.Option(help="Folder of a generator to begin with; else at random.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="Default: RUN/pairs.")] = None,
    pairs_limit: Annotated[int, typer.Option(min=1, help="Photos that teachers paint.")] = 450,
    steps: Annotated[int, typer.Option(min=1)] = 6_700,
    adversarial_from: Annotated[
        int, typer.Option(min=0, help="Step at which the discriminator joins.")
    ] = 1_500,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Photos not trained on: for the gate's bounds and figures; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    version: Version = None,
) -> None:
    """Let teachers paint pairs, train the generator on them, export it in every precision, choose
    the gate's bounds, measure it, write its card; resumes a run.
    """
    from stylecore.gan.build import make_generator
    from stylecore.gan.export import add_figures
    from stylecore.gan.model_card import write_card
    from stylecore.gan.settings import TrainSettings

    now = datetime.now(UTC)
    settings = TrainSettings(
        photos=photos,
        styles=styles,
        perceptual=perceptual,
        pairs=pairs or run / "pairs",
        run=run,
        start=start,
        steps=steps,
        adversarial_from=adversarial_from,
        seed=seed,
        threads=threads,
    )
    manifest = make_generator(
        settings,
        output,
        pairs_limit=pairs_limit,
        version=version or version_of(now),
        now=now,
        report=print_figures,
    )
    if test:
        evaluate_gate(
            photos=test, output=run / "gate", generator=output, threads=threads, write_bounds=True
        )
        manifest = add_figures(output, _measured(test, settings.styles, perceptual, run, output))
    write_card(output)
    typer.echo(f"{manifest.version} with {len(manifest.styles)} styles in {output}")


def _measured(
    test: list[Path], styles: Path, perceptual: Path, run: Path, generator: Path
) -> dict[str, dict[str, float]]:
    """Measure the generator beside the copy of the photo alone; return style, figure, value."""
    engine = Engine(generator, provider="cpu")
    wanted = EvaluationSettings(
        photos=tuple(test),
        styles=styles,
        output=run / "evaluation",
        perceptual=perceptual,
        teachers=False,
    )
    found = evaluate(wanted, engine, report=print_line)
    return {style: painters[OURS] for style, painters in found.styles.items()}


@train_app.command("reference")
def train_reference(
    generator: Annotated[Path, typer.Option(help="Folder of a shipped generator; it is added.")],
    styles: Annotated[Path, typer.Option(help="Reference pictures, one folder a style.")],
    perceptual: Annotated[Path, typer.Option(help="squeezenet1_0.npz, through which it looks.")],
    pairs: Annotated[Path, typer.Option(help="What teachers painted: RUN/pairs of a generator.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="RUN/checkpoint.pt, where the ONNX file was quantised.")
    ] = None,
    examples: Annotated[int, typer.Option(min=30)] = 1_000,
    steps: Annotated[int, typer.Option(min=1, help="Of the stage that draws.")] = 120,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Fit the network that turns a picture into a style; a generator's training does it too."""
    from stylecore.gan.reference.export import add_encoder
    from stylecore.gan.reference.fit import ReferenceSettings

    settings = ReferenceSettings(examples=examples, render_steps=steps, seed=seed, threads=threads)
    manifest = add_encoder(
        generator, styles, perceptual, pairs, settings, print_figures, checkpoint=checkpoint
    )
    typer.echo(f"reference encoder of {manifest.version} in {generator}")


@train_app.command("features")
def train_features_command(
    photos: Photos,
    perceptual: Annotated[Path, typer.Option(help="squeezenet1_0.npz, which is imitated.")],
    run: Run,
    output: Output,
    generator: Annotated[Path, typer.Option(help="Whose renders are learned from.")] = GENERATOR,
    styles: Annotated[Path | None, typer.Option(help="Real pictures of styles as well.")] = None,
    test: Annotated[Path | None, typer.Option(help="Photos for the figures and the card.")] = None,
    renders: Annotated[int, typer.Option(min=1, help="Of each photo, in styles in turn.")] = 1,
    steps: Annotated[int, typer.Option(min=1)] = 1_000,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    version: Version = None,
) -> None:
    """Draw renders, train the feature network on photos and renders, export and measure it."""
    from stylecore.gan.features.export import add_figures, export_features
    from stylecore.gan.features.settings import FeaturesSettings
    from stylecore.gan.features.train import train_features

    now = datetime.now(UTC)
    settings = FeaturesSettings(
        photos=photos,
        generator=generator,
        perceptual=perceptual,
        run=run,
        styles=styles,
        renders_a_photo=renders,
        steps=steps,
        seed=seed,
        threads=threads,
    )
    checkpoint = train_features(settings, print_figures)
    export_features(checkpoint, settings, output, version=version or version_of(now), now=now)
    manifest = write_gallery(output, list(photos_of([photos], GALLERY_PHOTOS).values()))
    if test is not None:
        manifest = add_figures(output, generator, test, threads, print_line)
    typer.echo(f"{manifest.version} in {output}: {manifest.figures or 'not measured'}")


@train_app.command("matte")
def train_matte_command(
    photos: Photos,
    mattes: Annotated[Path, typer.Option(help="Their mattes: the same paths, as .png.")],
    run: Run,
    output: Output,
    rendered: Annotated[Path | None, typer.Option(help="Photos of rendered products.")] = None,
    alphas: Annotated[
        Path | None, typer.Option(help="Their exact alphas: deploy/samples/render.py --alpha.")
    ] = None,
    grounds: Annotated[
        Path | None, typer.Option(help="Pictures in folders, as grounds behind products.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(help="Feature network whose convolutions it starts from.")
    ] = FEATURES,
    test_photos: Annotated[
        list[Path] | None, typer.Option(help="Photos for figures and card; repeatable.")
    ] = None,
    test_mattes: Annotated[
        list[Path] | None, typer.Option(help="Their mattes, as many folders in the same order.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1)] = 7_000,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    version: Version = None,
) -> None:
    """Train the network that cuts out products, export and measure it; resumes a run."""
    from stylecore.gan.matte.export import add_figures, export_matte
    from stylecore.gan.matte.train import MatteSettings, train_matte

    tests = list(zip(test_photos or [], test_mattes or [], strict=False))
    if len(test_photos or []) != len(test_mattes or []):
        raise SettingsError("train matte: give --test-photos and --test-mattes equally often")
    now = datetime.now(UTC)
    settings = MatteSettings(
        photos=photos,
        mattes=mattes,
        run=run,
        features=features,
        rendered=rendered,
        alphas=alphas,
        grounds=grounds,
        steps=steps,
        seed=seed,
        threads=threads,
    )
    checkpoint = train_matte(settings, print_figures)
    manifest = export_matte(
        checkpoint, settings, output, version=version or version_of(now), now=now
    )
    if tests:
        named = {folder.name: (pictures, folder) for pictures, folder in tests}
        manifest = add_figures(output, named, print_line)
    typer.echo(f"{manifest.version} in {output}: {manifest.figures or 'not measured'}")


def print_figures(figures: dict[str, float]) -> None:
    """Print figures on a line of progress."""
    print_line(" ".join(f"{name} {value:.4g}" for name, value in figures.items()))


def version_of(now: datetime) -> str:
    """Return the default version of a model that is made `now`."""
    return f"{now:%Y.%m.%d}-1"


class Smaller(StrEnum):
    """Precisions besides fp32."""

    FP16 = "fp16"
    INT8 = "int8"


def export(
    output: Output,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run; without it OUTPUT holds a generator.")
    ] = None,
    precision: Annotated[
        list[Smaller] | None,
        typer.Option(help="Files besides the FP32 one; repeatable."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Real photos, for the ranges of INT8 and for the loss.")
    ] = None,
    version: Version = None,
) -> None:
    """Export a run's checkpoint to ONNX, checked against torch, with manifest and swatches.

    With precisions, write their files beside it and name them in the manifest with their loss.
    """
    if run is None and not precision:
        raise SettingsError("export: give --run, or --precision for the generator in OUTPUT")
    if precision and calibration is None:
        raise SettingsError("calibration: a folder of real photos is needed with --precision")
    if run is not None:
        from stylecore.gan.checkpoint import CHECKPOINT
        from stylecore.gan.export import export as export_checkpoint

        now = datetime.now(UTC)
        manifest = export_checkpoint(
            run / CHECKPOINT, output, version=version or version_of(now), now=now
        )
        typer.echo(f"{manifest.version} with {len(manifest.styles)} styles in {output}")
    if precision and calibration is not None:
        from stylecore.gan.quantize import add_variants

        manifest = add_variants(output, calibration, [one.value for one in precision])
        for name, variant in manifest.variants.items():
            figures = ", ".join(f"{figure} {value}" for figure, value in variant.figures.items())
            typer.echo(f"{name}: {variant.file}, {figures}")
        typer.echo(f"served: {', '.join(f'{d} {p}' for d, p in manifest.served.items())}")
