"""The reference encoder beside the generator that it was fitted to: fit, export, name in manifest.

The generator is a shipped folder. Its ONNX file is read back into torch; where that file cannot be
(it was quantised), a run's checkpoint gives the weights. Nothing here says whether renders under
references are good: evaluate and look.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import msgspec
import numpy as np
import torch

from stylecore.errors import SettingsError, StylecastError
from stylecore.gan.checkpoint import load_average, load_onnx_generator
from stylecore.gan.data import load_pairs, load_references
from stylecore.gan.export import (
    OPSET,
    TOLERANCE,
    cpu_session,
    read_run,
    sha256_of,
    strip_traces,
    with_styles_kept,
)
from stylecore.gan.networks import Generator
from stylecore.gan.reference.fit import SIDE, ReferenceSettings, Report, Sources, fit_encoder
from stylecore.gan.reference.network import ReferenceEncoder
from stylecore.gan.squeezenet import load_perceptual
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
    """Fit an encoder to a shipped generator, write it into its folder, return the new manifest.

    `styles`: a folder of references a style; `pairs`: what teachers painted. Raises SettingsError
    for data that is not there, StylecastError when the ONNX file differs from torch.
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
    encoder = fit_encoder(load_perceptual(perceptual), sources, settings, report)
    export_encoder(encoder, folder / FILE)
    named = ShippedFile(file=FILE, sha256=sha256_of(folder / FILE))
    others = tuple(source for source in manifest.sources if source != SOURCE)
    manifest = msgspec.structs.replace(manifest, reference=named, sources=(*others, SOURCE))
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def checkpoint_generator(checkpoint: Path, ids: list[str]) -> Generator:
    """A run's averaged generator with the styles `ids`. Raises SettingsError if one lacks."""
    _, trained = read_run(checkpoint.parent)
    rows = {style.style_id: row for row, style in enumerate(trained)}
    if missing := [style for style in ids if style not in rows]:
        raise SettingsError(f"checkpoint: {checkpoint} was not trained on {', '.join(missing)}")
    generator, _ = load_average(checkpoint)
    return with_styles_kept(generator, [rows[style] for style in ids])


def export_encoder(encoder: ReferenceEncoder, file: Path) -> None:
    """Write the encoder: `picture` [1, 3, H, W] -> `weights` [1, S], any H and W from 64.

    Raises StylecastError when ONNX Runtime finds other weights than torch.
    """
    free = torch.export.Dim.AUTO
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            encoder.eval(),
            (torch.rand(1, 3, SIDE, SIDE + 37),),
            file,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=({2: free, 3: free},),
            external_data=False,
            verbose=False,
        )
    strip_traces(file)
    difference = largest_difference(encoder, file)
    if difference > TOLERANCE:
        raise StylecastError(
            f"{file} differs from torch by {difference:.2g}; it is not fit to ship"
        )


def largest_difference(encoder: ReferenceEncoder, file: Path) -> float:
    """Largest difference of a weight to torch's, over pictures of CHECKED_SIZES."""
    session = cpu_session(file, threads=1)
    random = torch.Generator().manual_seed(0)
    differences = []
    for height, width in CHECKED_SIZES:
        picture = torch.rand(1, 3, height, width, generator=random)
        with torch.no_grad():
            expected = encoder(picture).numpy()
        (found,) = session.run([OUTPUT], {INPUT: picture.numpy()})
        differences.append(float(np.abs(found - expected).max()))
    return max(differences)
