"""FP16 and INT8 files beside a generator's FP32 one, named in its manifest with what they cost.

Two thirds of the photos calibrate, the others measure the loss. The manifest then serves each kind
of device the fastest precision whose loss is small enough: FP16 on a GPU, INT8 on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import onnx

from stylecore.evaluation.folders import load_photos
from stylecore.evaluation.pictures import spread
from stylecore.gan.onnx_file import sha256_of
from stylecore.gan.precision.equalise import equalised
from stylecore.gan.precision.fp16_file import fp16_model
from stylecore.gan.precision.int8_file import int8_model
from stylecore.gan.precision.loss import loss_of
from stylecore.gan.precision.ranges import Inputs, observed_ranges, served_inputs
from stylecore.gan.warm_start import load_onnx_generator
from stylecore.manifest import (
    MANIFEST,
    GeneratorManifest,
    Variant,
    encode_manifest,
    load_manifest,
)

Smaller = Literal["fp16", "int8"]
PHOTOS = 18
LEAST_SSIM = 0.9
"""The worst style's similarity to its FP32 render with which a precision is served."""
DEVICES: dict[Smaller, Literal["cpu", "cuda"]] = {"int8": "cpu", "fp16": "cuda"}


def add_variants(
    folder: Path, calibration: Path, precisions: Sequence[Smaller], *, photos: int = PHOTOS
) -> GeneratorManifest:
    """Write the files of a generator's other precisions, measure them, and name them.

    `calibration`: a folder of real photos, of which `photos` are taken. The manifest is written
    last. Raises Permanent where the generator or the photos lack.
    """
    manifest = load_manifest(folder)
    chosen = list(load_photos(spread([calibration], photos), manifest.working_size).values())
    held_out = served_inputs(manifest, chosen[2::3])
    inputs = [photo for place, photo in enumerate(chosen) if place % 3 != 2]
    variants, served = dict(manifest.variants), dict(manifest.served)
    for precision in precisions:
        given = served_inputs(manifest, inputs) if precision == "int8" else []
        variants[precision] = _variant(folder, manifest, precision, given, held_out)
        fit = variants[precision].figures["ssim_worst"] >= LEAST_SSIM
        served[DEVICES[precision]] = precision if fit else "fp32"
    made = msgspec.structs.replace(manifest, variants=variants, served=served)
    (folder / MANIFEST).write_bytes(encode_manifest(made))
    return made


def _variant(
    folder: Path,
    manifest: GeneratorManifest,
    precision: Smaller,
    inputs: Sequence[Inputs],
    held_out: Sequence[Inputs],
) -> Variant:
    fp32 = folder / manifest.file
    file = fp32.with_suffix(f".{precision}.onnx")
    model = fp16_model(fp32) if precision == "fp16" else calibrated(fp32, inputs)
    onnx.save(model, file)
    figures = loss_of(file, fp32, held_out)
    return Variant(file=file.name, sha256=sha256_of(file), figures=figures)


def calibrated(fp32: Path, inputs: Sequence[Inputs]) -> onnx.ModelProto:
    """The INT8 model of an exported FP32 file, calibrated on these pictures."""
    generator = load_onnx_generator(fp32)
    return int8_model(*equalised(generator, observed_ranges(generator, inputs)))
