"""From a training run's checkpoint to the generator's folder: ONNX file, swatches, manifest.

The averaged weights are exported, with only the rows of the styles that ship. The file takes
`photo` [B, 3, H, W], `weights` [B, S] and `noise` [B, 3, H, W] and returns `render` [B, 3, H, W],
all float32, for any batch and any size that is a multiple of SIZE_MULTIPLE. It is compared with
torch at other sizes than the traced one and with batches of mixed styles. Figures of the manifest
come from evaluating the exported file (stylecore.evaluation) and are added later.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.checkpoint import load_average
from stylecore.gan.networks import SIZE_MULTIPLE, Generator
from stylecore.gan.onnx_file import check_onnx, export_onnx, parameter_count, sha256_of
from stylecore.gan.settings import TrainSettings
from stylecore.gan.teachers import STYLES, StyleInfo
from stylecore.gan.training import SETTINGS, read_losses
from stylecore.imaging.photo import to_pixels
from stylecore.rendering.composition import Composition
from stylecore.rendering.grid import noise_field
from stylecore.rendering.manifest import (
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
INPUTS, OUTPUT = ("photo", "weights", "noise"), "render"
CHECKED_SHAPES = ((1, 64, 64), (3, 96, 136), (2, 256, 192))
"""Batch, height and width of the inputs on which ONNX Runtime is compared with torch."""
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

    `dropped`: style ids that do not ship. The manifest is written last. Raises SettingsError for an
    incomplete run folder, StylecastError when the ONNX file renders something else than torch.
    """
    run = checkpoint.parent
    settings, trained = read_run(run)
    kept = [style for style in trained if style.style_id not in dropped]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    average, step = load_average(checkpoint)
    generator = with_styles_kept(average, [trained.index(style) for style in kept])
    export_generator(generator, file)
    check_onnx(generator, file, checked_inputs(generator))
    write_swatches(file, kept, folder / SWATCHES)
    manifest = GeneratorManifest(
        name=NAME,
        version=version,
        file=FILE,
        sha256=sha256_of(file),
        parameters=parameter_count(generator),
        working_size=WORKING_SIZE,
        size_multiple=SIZE_MULTIPLE,
        styles=tuple(_manifest_style(style) for style in kept),
        training=_training_run(settings, run, step),
        figures={},
        made_at=now.isoformat(timespec="seconds"),
        licence=LICENCE,
        sources=SOURCES,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def read_run(run: Path) -> tuple[TrainSettings, list[StyleInfo]]:
    """Read a run's settings and its styles, in the order of the generator's weights."""
    known = {style.style_id: style for style in STYLES}
    try:
        settings = msgspec.json.decode(
            (run / SETTINGS).read_bytes(),
            type=TrainSettings,
            dec_hook=lambda kind, text: kind(text),
        )
        ids: list[str] = json.loads((run / "styles.json").read_bytes())
    except (OSError, msgspec.DecodeError) as problem:
        raise SettingsError(f"run: {run} is no folder of a training run: {problem}") from problem
    if unknown := [style for style in ids if style not in known]:
        raise SettingsError(f"run: {run} was trained on unknown styles: {', '.join(unknown)}")
    return settings, [known[style] for style in ids]


def with_styles_kept(generator: Generator, kept: Sequence[int]) -> Generator:
    """Keep only the given rows of the style tables and heads, in that order."""
    rows = list(kept)
    smaller = Generator(msgspec.structs.replace(generator.shape, styles=len(rows)))
    state = generator.state_dict()
    for name in state:
        if name.endswith("_table") or name.startswith("head"):
            state[name] = state[name][rows]
    smaller.load_state_dict(state)
    return smaller.eval()


def export_generator(generator: Generator, file: Path) -> None:
    """Write the generator for any batch, height and width."""
    example = example_inputs(generator.shape.styles, 2, 64, 96, seed=0)
    export_onnx(generator, file, example, INPUTS, [OUTPUT], free=((0, 2, 3), (0,), (0, 2, 3)))


def checked_inputs(generator: Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Draw inputs of CHECKED_SHAPES, each batch of mixed styles."""
    styles = generator.shape.styles
    return [example_inputs(styles, *shape, seed=shape[0]) for shape in CHECKED_SHAPES]


def example_inputs(
    styles: int, batch: int, height: int, width: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw photo, style blends and noise; sides are multiples of SIZE_MULTIPLE."""
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(f"{height} x {width}: sides must be multiples of {SIZE_MULTIPLE}")
    random = torch.Generator().manual_seed(seed)
    photo = torch.rand(batch, 3, height, width, generator=random)
    blends = torch.softmax(4 * torch.randn(batch, styles, generator=random), dim=1)
    return photo, blends, torch.randn(batch, 3, height, width, generator=random)


def run_session(session: Any, photo: Floats, weights: Floats, noise: Floats) -> Floats:
    """Render with an exported file, [B, 3, H, W]."""
    inputs = dict(zip(INPUTS, (photo, weights, noise), strict=True))
    render: Floats = session.run([OUTPUT], inputs)[0]
    return render


SWATCH_SIDE = 96
"""Pixels; rendered at twice that."""


def write_swatches(file: Path, styles: Sequence[StyleInfo], folder: Path) -> None:
    """Write a small render of the same scene in each style, with its finish.

    The scene is procedural, so that swatches ship whatever the photos' licence is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    session, composition = cpu_session(file), Composition("cpu")
    scene = swatch_scene(2 * SWATCH_SIDE)
    photo = scene.transpose(2, 0, 1)[None]
    noise = noise_field(1, 2 * SWATCH_SIDE, 2 * SWATCH_SIDE).transpose(2, 0, 1)[None]
    for row, style in enumerate(styles):
        weights = np.eye(len(styles), dtype=np.float32)[row : row + 1]
        render = run_session(session, photo, weights, np.ascontiguousarray(noise))[0]
        planes = composition.small_planes(render.transpose(1, 2, 0), scene, style.finish)
        picture = Image.fromarray(to_pixels(planes[:3].transpose(1, 2, 0) / np.float32(255)))
        small = picture.resize((SWATCH_SIDE, SWATCH_SIDE), Image.Resampling.LANCZOS)
        small.save(folder / f"{style.style_id}.png", optimize=True)


def swatch_scene(side: int) -> Floats:
    """Draw [side, side, 3]: a lit ball with a striped band on a two-coloured ground."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    ground = np.where((y > 0.45)[..., None], (0.82, 0.72, 0.55), (0.62, 0.76, 0.86))
    height = np.sqrt(np.clip(0.72**2 - x**2 - y**2, 0, None))
    light = 0.35 + 0.65 * np.clip((-0.5 * x - 0.6 * y + 0.65 * height) / 0.72, 0, 1)
    band = (np.abs(y + 0.25 * height) < 0.13)[..., None]
    ball = np.where(band, (0.95, 0.88, 0.7), (0.85, 0.22, 0.18)) * light[..., None]
    scene = np.where((x**2 + y**2 < 0.72**2)[..., None], ball, ground)
    return np.clip(scene, 0, 1).astype(np.float32)


def _training_run(settings: TrainSettings, run: Path, step: int) -> TrainingRun:
    """Describe the training for the manifest."""
    pairs = len(list(settings.pairs.glob("*.npz")))
    seconds = [figures["seconds"] for figures in read_losses(run)]
    start = " --start GENERATOR" if settings.start else ""
    return TrainingRun(
        command=f"{COMMAND}{start} --pairs-limit {pairs} --steps {settings.steps} "
        f"--adversarial-from {settings.adversarial_from} --seed {settings.seed}",
        photos=settings.photos.name,
        pairs=pairs,
        steps=step,
        seconds=round(float(np.mean(seconds or [0.0])) * step, 1),
        seed=settings.seed,
        losses=msgspec.structs.asdict(settings.losses),
        hardware=hardware(settings.threads, bf16=settings.bf16),
    )


def hardware(threads: int, *, bf16: bool) -> str:
    """Describe what a network was trained on."""
    return f"{threads} threads of {platform.machine()}{', bfloat16' if bf16 else ''}"


def _manifest_style(style: StyleInfo) -> ManifestStyle:
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


def add_figures(folder: Path, figures: Mapping[str, Mapping[str, float]]) -> GeneratorManifest:
    """Write an evaluation's figures, style to figure to value, into a folder's manifest."""
    known = {style: dict(values) for style, values in figures.items()}
    manifest = msgspec.structs.replace(load_manifest(folder), figures=known)
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest
