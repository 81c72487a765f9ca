"""From a run's checkpoint to the folder that ships: ONNX file, swatches, manifest.

The averaged weights are exported, with only the rows of the styles that ship. The figures of the
manifest come from evaluating the exported file (stylecore.evaluation) and are added later.
Whether a style is good enough to ship is the caller's decision.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from stylecore.errors import SettingsError
from stylecore.gan.networks import SIZE_MULTIPLE
from stylecore.gan.onnx_file import (
    export_checked,
    parameter_count,
    sha256_of,
)
from stylecore.gan.settings import TrainSettings
from stylecore.gan.swatches import write_swatches
from stylecore.gan.teachers import STYLES, StyleInfo
from stylecore.gan.train import LOSSES
from stylecore.manifest import (
    MANIFEST,
    GeneratorManifest,
    ManifestStyle,
    TrainingRun,
    encode_manifest,
    load_manifest,
)

NAME, FILE = "stylecast-generator", "generator.onnx"
SWATCHES = "swatches"
WORKING_SIZE = 256
COMMAND = (
    "stylecast train generator --photos DIR --styles DIR --perceptual NPZ --run DIR --output DIR"
)
LICENCE = "Apache-2.0"
SOURCES = (
    "Product photos: alexeygrigorev/clothing-dataset-small, CC0 1.0",
    "Reference prints and paintings: public domain by age (artists who died before 1930)",
    "Watercolour references: USDA Pomological Watercolors, public domain",
    "Perceptual losses: SqueezeNet 1.0 (songhan/SqueezeNet-Deep-Compression), BSD 2-clause",
)


def export(
    checkpoint: Path, folder: Path, *, version: str, now: datetime, dropped: Sequence[str] = ()
) -> GeneratorManifest:
    """Write ONNX file, swatches and manifest of a run's checkpoint into `folder`.

    `dropped`: style ids that do not ship. The manifest is written last. Raises SettingsError for a
    run folder that is not whole, StylecastError when the ONNX file draws something else than torch.
    """
    run = checkpoint.parent
    settings, trained = read_run(run)
    kept = [style for style in trained if style.style_id not in dropped]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    generator, step = export_checked(checkpoint, file, [trained.index(style) for style in kept])
    write_swatches(file, kept, folder / SWATCHES)
    manifest = GeneratorManifest(
        name=NAME,
        version=version,
        file=FILE,
        sha256=sha256_of(file),
        parameters=parameter_count(generator),
        working_size=WORKING_SIZE,
        size_multiple=SIZE_MULTIPLE,
        styles=tuple(described(style) for style in kept),
        training=training_run(settings, run, step),
        figures={},
        made_at=now.isoformat(timespec="seconds"),
        licence=LICENCE,
        sources=SOURCES,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def add_figures(folder: Path, figures: Mapping[str, Mapping[str, float]]) -> GeneratorManifest:
    """Put an evaluation's figures, style to figure to value, into a folder's manifest."""
    known = {style: dict(values) for style, values in figures.items()}
    manifest = msgspec.structs.replace(load_manifest(folder), figures=known)
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def read_run(run: Path) -> tuple[TrainSettings, list[StyleInfo]]:
    """The settings of a run and its styles, in the order of the generator's weights."""
    known = {style.style_id: style for style in STYLES}
    try:
        settings = msgspec.json.decode(
            (run / "settings.json").read_bytes(), type=TrainSettings, dec_hook=_decoded
        )
        ids: list[str] = json.loads((run / "styles.json").read_bytes())
    except (OSError, msgspec.DecodeError) as problem:
        raise SettingsError(f"run: {run} is no folder of a training run: {problem}") from problem
    if unknown := [style for style in ids if style not in known]:
        raise SettingsError(f"run: {run} was trained on unknown styles: {', '.join(unknown)}")
    return settings, [known[style] for style in ids]


def training_run(settings: TrainSettings, run: Path, step: int) -> TrainingRun:
    """What the manifest tells of the training."""
    pairs = len(list(settings.pairs.glob("*.npz")))
    log = [json.loads(line) for line in (run / LOSSES).read_text().splitlines()]
    seconds = float(np.mean([figures["seconds"] for figures in log] or [0.0])) * step
    return TrainingRun(
        command=_command(settings, pairs),
        photos=settings.photos.name,
        pairs=pairs,
        steps=step,
        seconds=round(seconds, 1),
        seed=settings.seed,
        losses=msgspec.structs.asdict(settings.losses),
        hardware=f"{settings.threads} threads of {platform.machine()}, bfloat16"
        if settings.bf16
        else f"{settings.threads} threads of {platform.machine()}",
    )


def _command(settings: TrainSettings, pairs: int) -> str:
    start = " --start GENERATOR" if settings.start else ""
    return (
        f"{COMMAND}{start} --pairs-limit {pairs} --steps {settings.steps} "
        f"--adversarial-from {settings.adversarial_from} --seed {settings.seed}"
    )


def described(style: StyleInfo) -> ManifestStyle:
    """The manifest's entry of a style."""
    paper = None
    if style.paper is not None:
        red, green, blue = (round(channel * 255) for channel in style.paper)
        paper = (red, green, blue)
    return ManifestStyle(
        style_id=style.style_id,
        label=style.label,
        kind=style.kind,
        paper=paper,
        colour_only=style.colour_only,
        description=style.description,
        swatch=f"{SWATCHES}/{style.style_id}.png",
        finish=style.finish,
    )


def _decoded(kind: type, value: object) -> object:
    return kind(value)
