"""`stylecast export`: a checkpoint to ONNX, and an ONNX generator to other precisions."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylecore.errors import SettingsError
from workers.commands.train import Output, Version, torch_needed, version_of


class Smaller(StrEnum):
    """Precisions besides fp32."""

    FP16 = "fp16"
    INT8 = "int8"


_NAMES: dict[Smaller, Literal["fp16", "int8"]] = {Smaller.FP16: "fp16", Smaller.INT8: "int8"}


def export(
    output: Output,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run; without it OUTPUT holds a generator.")
    ] = None,
    precision: Annotated[
        list[Smaller] | None, typer.Option(help="Files besides the FP32 one; repeatable.")
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
        _export_run(run, output, version)
    if precision and calibration is not None:
        _add_precisions(output, calibration, precision)


def _export_run(run: Path, output: Path, version: str | None) -> None:
    with torch_needed():
        from stylecore.gan.checkpoint import CHECKPOINT
        from stylecore.gan.export import export as export_checkpoint
    now = datetime.now(UTC)
    manifest = export_checkpoint(
        run / CHECKPOINT, output, version=version or version_of(now), now=now
    )
    typer.echo(f"{manifest.version} with {len(manifest.styles)} styles in {output}")


def _add_precisions(output: Path, calibration: Path, precisions: list[Smaller]) -> None:
    with torch_needed():
        from stylecore.gan.quantize.variants import add_variants
    manifest = add_variants(output, calibration, [_NAMES[one] for one in precisions])
    for name, variant in manifest.variants.items():
        figures = ", ".join(f"{figure} {value}" for figure, value in variant.figures.items())
        typer.echo(f"{name}: {variant.file}, {figures}")
    typer.echo(f"served: {', '.join(f'{d} {p}' for d, p in manifest.served.items())}")
