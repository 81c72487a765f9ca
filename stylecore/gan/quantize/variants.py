"""The generator in half floats, for GPUs; what goes in and comes out stays float32.

Features stay below a hundred and logits below fifty, far from where FP16 ends (65,504). A CPU has
no FP16 kernels in ONNX Runtime: there the file draws the same, slower.

What a precision costs: its renders beside the FP32 ones, before anything is composed.

How good either is as a picture is the evaluation's to say (`stylecast evaluate generator`).

FP16 and INT8 files beside a generator's FP32 one, named in its manifest with what they cost.

Two thirds of the photos calibrate, the others measure the loss. The manifest then serves each kind
of device the fastest precision whose loss is small enough: FP16 on a GPU, INT8 on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from stylecore.arrays import Floats
from stylecore.evaluation.image_metrics import ssim
from stylecore.evaluation.inputs import load_photos, spread
from stylecore.gan.checkpoint import load_onnx_generator
from stylecore.gan.export import cpu_session, run_session, sha256_of
from stylecore.gan.quantize.calibrate import Inputs, equalised, observed_ranges, served_inputs
from stylecore.gan.quantize.int8 import int8_model
from stylecore.imaging.photo import LUMA
from stylecore.rendering.manifest import (
    MANIFEST,
    GeneratorManifest,
    Variant,
    encode_manifest,
    load_manifest,
)


def fp16_model(file: Path) -> onnx.ModelProto:
    """The ONNX model of an exported FP32 file with weights and features in float16."""
    model = onnx.load(file)
    _unshare_scales(model.graph)
    smaller: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return smaller


def _unshare_scales(graph: onnx.GraphProto) -> None:
    """Every Resize gets its own scales: of shared ones the converter makes nodes of one name."""
    known = {item.name: item for item in graph.initializer}
    for place, node in enumerate(node for node in graph.node if node.op_type == "Resize"):
        scales = onnx.TensorProto()
        scales.CopyFrom(known[node.input[2]])
        scales.name = node.input[2] = f"scales{place}"
        graph.initializer.append(scales)


def loss_of(file: Path, fp32: Path, inputs: Sequence[Inputs]) -> dict[str, float]:
    """Figures over all pictures, and the worst style's.

    `difference`: mean absolute difference of 255; `ssim`: of luma, to the FP32 render; `..._worst`:
    the same of the style where it is worst.
    """
    ours, theirs = cpu_session(file), cpu_session(fp32)
    styles: dict[int, list[tuple[float, float]]] = {}
    for given in inputs:
        pair = (run_session(session, *given)[0] for session in (ours, theirs))
        styles.setdefault(int(given[1].argmax()), []).append(_compared(*pair))
    means = np.array([np.mean(figures, axis=0) for figures in styles.values()])
    return {
        "difference": round(float(means[:, 0].mean()), 3),
        "difference_worst": round(float(means[:, 0].max()), 3),
        "ssim": round(float(means[:, 1].mean()), 4),
        "ssim_worst": round(float(means[:, 1].min()), 4),
    }


def _compared(render: Floats, expected: Floats) -> tuple[float, float]:
    """Two pictures [3, H, W]: difference and similarity."""
    lumas = [np.tensordot(LUMA, picture, 1) for picture in (render, expected)]
    return 255 * float(np.abs(render - expected).mean()), ssim(*lumas)


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
