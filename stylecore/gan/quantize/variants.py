"""Adds FP16 and INT8 files to a generator's folder, and their loss to its manifest.

Two thirds of the photos calibrate the INT8 file, the others measure the loss: renders compared with
the FP32 file's before composition. The manifest then serves each kind of device the fastest
precision whose loss is small enough: FP16 on a GPU, INT8 on a CPU. How good the renders are as
pictures is evaluated by `stylecast evaluate generator`.

INT8 is made here (int8.py) and not by onnxruntime.quantization: its static quantization of the
convolutions, without the last layers, loses less (mean difference 1.0 of 255 against 1.8), but a
render takes 1.3 times the CPU time, because every FiLM runs in float32 between quantized
convolutions. Quantizing the operators between them as well loses 4.2 to 5.0.
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
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.checkpoint import load_onnx_generator
from stylecore.gan.export import run_session
from stylecore.gan.onnx_file import sha256_of
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

Smaller = Literal["fp16", "int8"]
PHOTOS = 18
LEAST_SSIM = 0.9
"""Least similarity to FP32 in the worst style with which a precision is served."""
DEVICES: dict[Smaller, Literal["cpu", "cuda"]] = {"int8": "cpu", "fp16": "cuda"}


def add_variants(
    folder: Path, calibration: Path, precisions: Sequence[Smaller], *, photos: int = PHOTOS
) -> GeneratorManifest:
    """Write the files of a generator's other precisions, measure them, add them to the manifest.

    `calibration`: a folder of real photos, of which `photos` are taken. The manifest is written
    last. Raises Permanent where the generator or the photos are missing.
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
    """Build the INT8 model of an exported FP32 file, calibrated on these inputs."""
    generator = load_onnx_generator(fp32)
    return int8_model(*equalised(generator, observed_ranges(generator, inputs)))


def fp16_model(file: Path) -> onnx.ModelProto:
    """Convert an exported FP32 file to float16, inputs and output still float32.

    Features stay below a hundred and logits below fifty, far from the limit of FP16 (65,504). ONNX
    Runtime has no FP16 kernels for CPUs: there the file renders the same, more slowly.
    """
    model = onnx.load(file)
    _unshare_scales(model.graph)
    smaller: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return smaller


def _unshare_scales(graph: onnx.GraphProto) -> None:
    """Give every Resize its own scales: for shared ones the converter adds nodes of one name."""
    known = {item.name: item for item in graph.initializer}
    for place, node in enumerate(node for node in graph.node if node.op_type == "Resize"):
        scales = onnx.TensorProto()
        scales.CopyFrom(known[node.input[2]])
        scales.name = node.input[2] = f"scales{place}"
        graph.initializer.append(scales)


def loss_of(file: Path, fp32: Path, inputs: Sequence[Inputs]) -> dict[str, float]:
    """Compare two files' renders of the same inputs, on average and in the worst style.

    `difference`: mean absolute difference of 255; `ssim`: structural similarity of luma.
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
    """Difference and similarity of two pictures [3, H, W]."""
    lumas = [np.tensordot(LUMA, picture, 1) for picture in (render, expected)]
    return 255 * float(np.abs(render - expected).mean()), ssim(*lumas)
