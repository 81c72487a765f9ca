"""Quantizes exported ONNX networks, and adds FP16 and INT8 files to a generator's folder.

INT8 is static quantization by onnxruntime.quantization: convolutions multiply bytes, everything
between them stays float32. Convolutions where rounding shows most and bytes save little time can
stay float32 as well. FP16 is made by onnxruntime.transformers.

`add_variants` does it for a generator. Two thirds of the photos calibrate the INT8 file, the others
measure the loss: renders compared with the FP32 file's before composition. The manifest then serves
each kind of device the fastest precision whose loss is small enough: FP16 on a GPU, INT8 on a CPU.
How good the renders are as pictures is evaluated by `stylecast evaluate generator`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.evaluation.image_metrics import ssim
from stylecore.evaluation.inputs import load_photos, spread
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.export import INPUTS, run_session
from stylecore.gan.onnx_file import sha256_of
from stylecore.imaging.photo import LUMA, Photo
from stylecore.rendering.draw import draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.manifest import (
    MANIFEST,
    GeneratorManifest,
    Variant,
    encode_manifest,
    load_manifest,
)

Feed = Mapping[str, Floats]
"""A network's inputs by name."""


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, Floats] | None:
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)


def write_int8(
    fp32: Path, file: Path, feeds: Iterable[Feed], float_layers: Sequence[str] = ()
) -> None:
    """Quantize the convolutions of an ONNX file, their inputs' ranges calibrated on `feeds`.

    `float_layers` begin the names of weights whose convolutions stay float32. A range is the mean
    of the feeds' least and largest values, so that a rare value does not coarsen all the others.
    """
    kept = [
        node.name
        for node in onnx.load(fp32).graph.node
        if node.op_type == "Conv" and node.input[1].startswith(tuple(float_layers))
    ]
    quant_pre_process(fp32, file, skip_symbolic_shape=True)
    quantize_static(
        file,
        file,
        _Reader(feeds),
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=kept,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"CalibMovingAverage": True},
    )


def write_fp16(fp32: Path, file: Path) -> None:
    """Convert an ONNX file to float16, inputs and output still float32.

    Of the generator, features stay below a hundred and logits below fifty, far from the limit of
    FP16 (65,504). ONNX Runtime has no FP16 kernels for CPUs: there the file renders the same, more
    slowly.
    """
    model = onnx.load(fp32)
    known = {item.name: item for item in model.graph.initializer}
    # For scales that several Resize nodes share the converter adds nodes of one name.
    for place, node in enumerate(node for node in model.graph.node if node.op_type == "Resize"):
        scales = onnx.TensorProto()
        scales.CopyFrom(known[node.input[2]])
        scales.name = node.input[2] = f"scales{place}"
        model.graph.initializer.append(scales)
    onnx.save(convert_float_to_float16(model, keep_io_types=True), file)


Smaller = Literal["fp16", "int8"]
PHOTOS = 18
LEAST_SSIM = 0.9
"""Least similarity to FP32 in the worst style with which a precision is served."""
DEVICES: dict[Smaller, Literal["cpu", "cuda"]] = {"int8": "cpu", "fp16": "cuda"}
FLOAT_LAYERS = ("half_out", "full_block", "full_in")
"""The generator's last convolutions, after which no layer averages the rounding."""


def add_variants(
    folder: Path, calibration: Path, precisions: Sequence[Smaller], *, photos: int = PHOTOS
) -> GeneratorManifest:
    """Write the files of a generator's other precisions, measure them, add them to the manifest.

    `calibration`: a folder of real photos, of which `photos` are taken. The manifest is written
    last. Raises Permanent where the generator or the photos are missing.
    """
    manifest = load_manifest(folder)
    fp32 = folder / manifest.file
    chosen = list(load_photos(spread([calibration], photos), manifest.working_size).values())
    held_out = served_feeds(manifest, chosen[2::3])
    variants, served = dict(manifest.variants), dict(manifest.served)
    for precision in precisions:
        file = fp32.with_suffix(f".{precision}.onnx")
        if precision == "fp16":
            write_fp16(fp32, file)
        else:
            inputs = [photo for place, photo in enumerate(chosen) if place % 3 != 2]
            write_int8(fp32, file, served_feeds(manifest, inputs), FLOAT_LAYERS)
        figures = loss_of(file, fp32, held_out)
        variants[precision] = Variant(file=file.name, sha256=sha256_of(file), figures=figures)
        fit = figures["ssim_worst"] >= LEAST_SSIM
        served[DEVICES[precision]] = precision if fit else "fp32"
    made = msgspec.structs.replace(manifest, variants=variants, served=served)
    (folder / MANIFEST).write_bytes(encode_manifest(made))
    return made


class _Recorder:
    """Stands in for the engine and records its inputs."""

    def __init__(self, manifest: GeneratorManifest) -> None:
        self.manifest, self.feeds = manifest, list[Feed]()

    def render(self, photos: Floats, weights: Floats, noise: Floats) -> Floats:
        arrays = photos.transpose(0, 3, 1, 2), weights, noise.transpose(0, 3, 1, 2)
        planes = (np.ascontiguousarray(array, np.float32) for array in arrays)
        self.feeds.append(dict(zip(INPUTS, planes, strict=True)))
        return photos


def served_feeds(manifest: GeneratorManifest, photos: Sequence[Photo]) -> list[Feed]:
    """Collect the generator's inputs for every photo in every style, a noise seed per photo.

    They come from the serving path, so that plain ground, edges and noise are those of serving.
    """
    recorder = _Recorder(manifest)
    tasks = [
        task_of(
            source_of(photo), StyleDefinition(weights={style.style_id: 1.0}, seed=seed), manifest
        )
        for seed, photo in enumerate(photos)
        for style in manifest.styles
    ]
    for _ in draw(cast("Engine", recorder), tasks, 1):
        pass
    return recorder.feeds


def loss_of(file: Path, fp32: Path, feeds: Sequence[Feed]) -> dict[str, float]:
    """Compare two files' renders of the same inputs, on average and in the worst style.

    `difference`: mean absolute difference of 255; `ssim`: structural similarity of luma.
    """
    sessions = cpu_session(file), cpu_session(fp32)
    styles: dict[int, list[tuple[float, float]]] = {}
    for feed in feeds:
        photo, weights, noise = (feed[name] for name in INPUTS)
        one, other = (run_session(session, photo, weights, noise)[0] for session in sessions)
        lumas = (np.tensordot(LUMA, planes, 1) for planes in (one, other))
        figures = 255 * float(np.abs(one - other).mean()), ssim(*lumas)
        styles.setdefault(int(weights.argmax()), []).append(figures)
    means = np.array([np.mean(figures, axis=0) for figures in styles.values()])
    return {
        "difference": round(float(means[:, 0].mean()), 3),
        "difference_worst": round(float(means[:, 0].max()), 3),
        "ssim": round(float(means[:, 1].mean()), 4),
        "ssim_worst": round(float(means[:, 1].min()), 4),
    }
