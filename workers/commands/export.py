"""`stylecast export`: a checkpoint to ONNX."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from workers.commands.train import Output, Run, Version, torch_needed, version_of


def export(run: Run, output: Output, version: Version = None) -> None:
    """Export a run's checkpoint to ONNX, checked against torch, with manifest and swatches."""
    with torch_needed():
        from stylecore.gan.checkpoint import CHECKPOINT
        from stylecore.gan.export import export as export_checkpoint
    now = datetime.now(UTC)
    manifest = export_checkpoint(
        run / CHECKPOINT, output, version=version or version_of(now), now=now
    )
    typer.echo(f"{manifest.version} with {len(manifest.styles)} styles in {output}")
