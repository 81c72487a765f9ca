"""From a shipped generator to the reference encoder beside it: fit, export, name in the manifest.

The generator's ONNX file is read back into torch; where that is impossible (it was quantized), a
run's checkpoint gives the weights.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch

from stylecore.errors import SettingsError
from stylecore.gan.checkpoint import load_average, load_onnx_generator
from stylecore.gan.data import load_pairs, load_references
from stylecore.gan.export import read_run, with_styles_kept
from stylecore.gan.networks import Generator
from stylecore.gan.onnx_file import check_onnx, export_onnx, sha256_of
from stylecore.gan.reference.fit import SIDE, ReferenceSettings, Sources, fit_encoder
from stylecore.gan.reference.network import ReferenceEncoder
from stylecore.gan.squeezenet import load_squeezenet
from stylecore.gan.training import Report
from stylecore.rendering.manifest import (
    MANIFEST,
    GeneratorManifest,
    ShippedFile,
    encode_manifest,
    load_manifest,
)
from stylecore.rendering.style import INPUT, OUTPUT

FILE = "reference.onnx"
SOURCE = "Reference encoder: the first layers of SqueezeNet 1.0 are in it, BSD 2-clause"
CHECKED_SIZES = ((64, 64), (200, 313), (512, 256))


def add_encoder(
    folder: Path,
    styles: Path,
    perceptual: Path,
    pairs: Path,
    settings: ReferenceSettings,
    report: Report,
    checkpoint: Path | None = None,
) -> GeneratorManifest:
    """Fit an encoder to a shipped generator and write it into its folder; returns the new manifest.

    `styles`: a folder of references per style; `pairs`: the teachers' paintings. Raises
    SettingsError for missing data, StylecastError when the ONNX file differs from torch.
    """
    manifest = load_manifest(folder)
    ids = [style.style_id for style in manifest.styles]
    generator = (
        load_onnx_generator(folder / manifest.file)
        if checkpoint is None
        else checkpoint_generator(checkpoint, ids)
    )
    sources = Sources(
        load_references(styles, ids), load_pairs(pairs, ids, settings.crop), generator
    )
    encoder = fit_encoder(load_squeezenet(perceptual), sources, settings, report)
    export_encoder(encoder, folder / FILE)
    named = ShippedFile(file=FILE, sha256=sha256_of(folder / FILE))
    others = tuple(source for source in manifest.sources if source != SOURCE)
    manifest = msgspec.structs.replace(manifest, reference=named, sources=(*others, SOURCE))
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def checkpoint_generator(checkpoint: Path, ids: list[str]) -> Generator:
    """Load a run's averaged generator with the styles `ids`. Raises SettingsError if one lacks."""
    _, trained = read_run(checkpoint.parent)
    rows = {style.style_id: row for row, style in enumerate(trained)}
    if missing := [style for style in ids if style not in rows]:
        raise SettingsError(f"checkpoint: {checkpoint} was not trained on {', '.join(missing)}")
    generator, _ = load_average(checkpoint)
    return with_styles_kept(generator, [rows[style] for style in ids])


def export_encoder(encoder: ReferenceEncoder, file: Path) -> None:
    """Write the encoder: `picture` [1, 3, H, W] -> `weights` [1, S], any H and W from 64.

    Raises StylecastError when ONNX Runtime computes other weights than torch.
    """
    example = (torch.rand(1, 3, SIDE, SIDE + 37),)
    export_onnx(encoder, file, example, [INPUT], [OUTPUT], free=((2, 3),))
    random = torch.Generator().manual_seed(0)
    pictures = [(torch.rand(1, 3, *size, generator=random),) for size in CHECKED_SIZES]
    check_onnx(encoder, file, pictures)
