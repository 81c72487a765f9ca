"""The generator as an ONNX file, and that file held against torch.

Inputs `photo` [B, 3, H, W], `weights` [B, S], `noise` [B, 3, H, W], output `render` [B, 3, H, W],
all float32, any batch, any size that is a multiple of SIZE_MULTIPLE. The comparison uses other
sizes than the traced one, and batches of mixed styles. Styles have rows here and no names.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.errors import StylecastError
from stylecore.gan.checkpoint import load_average
from stylecore.gan.networks import SIZE_MULTIPLE, Generator, GeneratorShape

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
