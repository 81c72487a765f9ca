"""The generator as an ONNX file, and that file held against torch.

Inputs `photo` [B, 3, H, W], `weights` [B, S], `noise` [B, 3, H, W], output `render` [B, 3, H, W],
all float32, any batch, any size that is a multiple of SIZE_MULTIPLE. The comparison uses other
sizes than the traced one, and batches of mixed styles. Styles have rows here and no names.

Swatches: the same small procedural scene in every style with its finish, for lists of styles.

It is no photo, so that a swatch can ship whatever the photos' licence is.

From a run's checkpoint to the folder that ships: ONNX file, swatches, manifest.

The averaged weights are exported, with only the rows of the styles that ship. The figures of the
manifest come from evaluating the exported file (stylecore.evaluation) and are added later.
Whether a style is good enough to ship is the caller's decision.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.errors import SettingsError, StylecastError
from stylecore.gan.checkpoint import load_average
from stylecore.gan.networks import SIZE_MULTIPLE, Generator, GeneratorShape
from stylecore.gan.settings import TrainSettings
from stylecore.gan.teachers import STYLES, StyleInfo
from stylecore.gan.train import LOSSES
from stylecore.imaging.noise import noise_field
from stylecore.imaging.photo import to_pixels
from stylecore.rendering.manifest import (
    MANIFEST,
    GeneratorManifest,
    ManifestStyle,
    TrainingRun,
    encode_manifest,
    load_manifest,
)
from stylecore.rendering.postprocess import finished, with_fine_luminance

OPSET = 18
TOLERANCE = 1e-3
"""Largest absolute difference of ONNX Runtime's render to torch's, of [0, 1]."""
INPUTS, OUTPUT = ("photo", "weights", "noise"), "render"
CHECKED_SHAPES = ((1, 64, 64), (3, 96, 136), (2, 256, 192))


def with_styles_kept(generator: Generator, kept: Sequence[int]) -> Generator:
    """The same generator with only the given rows of its style tables and heads, in that order."""
    rows = list(kept)
    fields = {name: getattr(generator.shape, name) for name in GeneratorShape.__struct_fields__}
    smaller = Generator(GeneratorShape(**{**fields, "styles": len(rows)}))
    state = generator.state_dict()
    for name in state:
        if name.endswith("_table") or name.startswith("head"):
            state[name] = state[name][rows]
    smaller.load_state_dict(state)
    return smaller.eval()


def export_onnx(generator: Generator, file: Path) -> None:
    """Write the generator, any batch, height and width, weights inside the file."""
    generator = generator.eval()
    example = example_inputs(generator.shape.styles, 2, 64, 96, seed=0)
    free = torch.export.Dim.AUTO
    picture = {0: free, 2: free, 3: free}
    logging.getLogger("torch.onnx").setLevel(
        logging.ERROR
    )  # it tells of packages it can do without
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            generator,
            example,
            file,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes={"photo": picture, "weights": {0: free}, "noise": picture},
            external_data=False,
            verbose=False,
        )
    strip_traces(file)


def strip_traces(file: Path) -> None:
    """Drop the exporter's notes (source lines, paths of the machine) from every node."""
    model = onnx.load(file)
    model.doc_string = ""
    for item in (*model.graph.node, *model.graph.value_info, *model.graph.input):
        item.doc_string = ""
        del item.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, file)


def largest_difference(generator: Generator, file: Path) -> float:
    """Largest absolute difference to torch over CHECKED_SHAPES, each batch of mixed styles."""
    session = cpu_session(file)
    differences = []
    for batch, height, width in CHECKED_SHAPES:
        inputs = example_inputs(generator.shape.styles, batch, height, width, seed=batch)
        with torch.no_grad():
            expected = generator(*inputs).numpy()
        found = run_session(session, *(part.numpy() for part in inputs))
        differences.append(float(np.abs(found - expected).max()))
    return max(differences)


def export_checked(checkpoint: Path, file: Path, kept: Sequence[int]) -> tuple[Generator, int]:
    """Export a checkpoint's averaged generator; returns it as exported, and its training step.

    Raises StylecastError when ONNX Runtime draws something else than torch.
    """
    average, step = load_average(checkpoint)
    generator = with_styles_kept(average, kept)
    export_onnx(generator, file)
    difference = largest_difference(generator, file)
    if difference > TOLERANCE:
        raise StylecastError(
            f"{file} differs from torch by {difference:.2g}; it is not fit to ship"
        )
    return generator, step


def cpu_session(file: Path, threads: int = 2) -> Any:
    """An ONNX Runtime session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def run_session(
    session: Any,
    photo: Floats,
    weights: Floats,
    noise: Floats,
) -> Floats:
    """Renders [B, 3, H, W]."""
    inputs = dict(zip(INPUTS, (photo, weights, noise), strict=True))
    render: Floats = session.run([OUTPUT], inputs)[0]
    return render


def example_inputs(
    styles: int, batch: int, height: int, width: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Random photo, style blends and noise; sides are multiples of SIZE_MULTIPLE."""
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(f"{height} x {width}: sides must be multiples of {SIZE_MULTIPLE}")
    random = torch.Generator().manual_seed(seed)
    photo = torch.rand(batch, 3, height, width, generator=random)
    blends = torch.softmax(4 * torch.randn(batch, styles, generator=random), dim=1)
    return photo, blends, torch.randn(batch, 3, height, width, generator=random)


def sha256_of(file: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def parameter_count(generator: Generator) -> int:
    """All learnt numbers."""
    return sum(parameter.numel() for parameter in generator.parameters())


SWATCH_SIDE = 96
"""Pixels; rendered at twice that."""


def write_swatches(file: Path, styles: Sequence[StyleInfo], folder: Path) -> None:
    """A small render of the same procedural scene in each style."""
    folder.mkdir(parents=True, exist_ok=True)
    session = cpu_session(file)
    scene = swatch_scene(2 * SWATCH_SIDE)
    photo = scene.transpose(2, 0, 1)[None]
    noise = noise_field(1, 2 * SWATCH_SIDE, 2 * SWATCH_SIDE).transpose(2, 0, 1)[None]
    for row, style in enumerate(styles):
        weights = np.eye(len(styles), dtype=np.float32)[row : row + 1]
        render = run_session(session, photo, weights, np.ascontiguousarray(noise))[0]
        drawn = finished(render.transpose(1, 2, 0), scene, style.finish)
        picture = Image.fromarray(to_pixels(with_fine_luminance(drawn, scene, style.finish.detail)))
        small = picture.resize((SWATCH_SIDE, SWATCH_SIDE), Image.Resampling.LANCZOS)
        small.save(folder / f"{style.style_id}.png", optimize=True)


def swatch_scene(side: int) -> Floats:
    """[side, side, 3]: a lit ball with a striped band on a two-coloured ground."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    ground = np.where((y > 0.45)[..., None], (0.82, 0.72, 0.55), (0.62, 0.76, 0.86))
    height = np.sqrt(np.clip(0.72**2 - x**2 - y**2, 0, None))
    light = 0.35 + 0.65 * np.clip((-0.5 * x - 0.6 * y + 0.65 * height) / 0.72, 0, 1)
    band = (np.abs(y + 0.25 * height) < 0.13)[..., None]
    ball = np.where(band, (0.95, 0.88, 0.7), (0.85, 0.22, 0.18)) * light[..., None]
    scene = np.where((x**2 + y**2 < 0.72**2)[..., None], ball, ground)
    return np.clip(scene, 0, 1).astype(np.float32)


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
