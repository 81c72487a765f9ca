"""From a run's checkpoint to the folder that ships: ONNX file, swatches, manifest.

The averaged weights are exported, with only the rows of the styles that ship. The figures of the
manifest come from an evaluation of the exported file (evaluate.py), so they are added afterwards.
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
from numpy.typing import NDArray
from PIL import Image

from stylecore.errors import SettingsError
from stylecore.gan.networks import SIZE_MULTIPLE
from stylecore.gan.onnx_file import (
    cpu_session,
    export_checked,
    parameter_count,
    run_session,
    sha256_of,
)
from stylecore.gan.settings import TrainSettings
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
from stylecore.noise import noise_field

NAME, FILE = "stylecast-generator", "generator.onnx"
SWATCHES, SWATCH_SIDE = "swatches", 96
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
    log = [json.loads(line) for line in (run / LOSSES).read_text().splitlines()]
    seconds = float(np.mean([figures["seconds"] for figures in log] or [0.0])) * step
    return TrainingRun(
        command=f"{COMMAND} --steps {settings.steps} --seed {settings.seed}",
        photos=settings.photos.name,
        pairs=len(list(settings.pairs.glob("*.npz"))) or 1,
        steps=step,
        seconds=round(seconds, 1),
        seed=settings.seed,
        losses=msgspec.structs.asdict(settings.losses),
        hardware=f"{settings.threads} threads of {platform.machine()}, bfloat16"
        if settings.bf16
        else f"{settings.threads} threads of {platform.machine()}",
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
    )


def write_swatches(file: Path, styles: Sequence[StyleInfo], folder: Path) -> None:
    """A small render of the same procedural scene in each style."""
    folder.mkdir(parents=True, exist_ok=True)
    session = cpu_session(file)
    photo = swatch_scene(2 * SWATCH_SIDE).transpose(2, 0, 1)[None]
    noise = noise_field(1, 2 * SWATCH_SIDE, 2 * SWATCH_SIDE).transpose(2, 0, 1)[None]
    for row, style in enumerate(styles):
        weights = np.eye(len(styles), dtype=np.float32)[row : row + 1]
        render = run_session(session, photo, weights, np.ascontiguousarray(noise))[0]
        picture = Image.fromarray(np.rint(render.transpose(1, 2, 0) * 255).astype(np.uint8))
        small = picture.resize((SWATCH_SIDE, SWATCH_SIDE), Image.Resampling.LANCZOS)
        small.save(folder / f"{style.style_id}.png", optimize=True)


def swatch_scene(side: int) -> NDArray[np.float32]:
    """[side, side, 3]: a lit ball with a striped band on a two-coloured ground."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    ground = np.where((y > 0.45)[..., None], (0.82, 0.72, 0.55), (0.62, 0.76, 0.86))
    height = np.sqrt(np.clip(0.72**2 - x**2 - y**2, 0, None))
    light = 0.35 + 0.65 * np.clip((-0.5 * x - 0.6 * y + 0.65 * height) / 0.72, 0, 1)
    band = (np.abs(y + 0.25 * height) < 0.13)[..., None]
    ball = np.where(band, (0.95, 0.88, 0.7), (0.85, 0.22, 0.18)) * light[..., None]
    scene = np.where((x**2 + y**2 < 0.72**2)[..., None], ball, ground)
    return np.clip(scene, 0, 1).astype(np.float32)


def _decoded(kind: type, value: object) -> object:
    return kind(value)
