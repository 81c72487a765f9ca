"""Writes torch networks as ONNX files and compares ONNX Runtime's outputs with torch's.

The same for all networks: weights lie inside the file, and it names neither paths nor source lines
of the machine that wrote it.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from stylecore.errors import StylecastError
from stylecore.evaluation.onnx_graph import cpu_session

OPSET = 18
TOLERANCE = 1e-3
"""Largest absolute difference of an output to torch's; outputs are within -1 to 1."""


def export_onnx(
    network: nn.Module,
    file: Path,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    free: Sequence[Sequence[int]],
) -> None:
    """Trace a network on example inputs; `free` lists for each input the axes of any length."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of optional packages
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            network.eval(),
            example,
            file,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=tuple(dict.fromkeys(axes, torch.export.Dim.AUTO) for axes in free),
            external_data=False,
            verbose=False,
        )
    _strip_traces(file)


def _strip_traces(file: Path) -> None:
    """Drop the exporter's notes (source lines, paths of the machine) from every node."""
    model = onnx.load(file)
    model.doc_string = ""
    for item in (*model.graph.node, *model.graph.value_info, *model.graph.input):
        item.doc_string = ""
        del item.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, file)


def largest_difference(
    network: nn.Module, file: Path, batches: Iterable[tuple[Tensor, ...]]
) -> float:
    """Compute the largest absolute difference of any output to torch's over batches of inputs."""
    session: Any = cpu_session(file)
    names = [given.name for given in session.get_inputs()]
    differences = []
    for batch in batches:
        with torch.no_grad():
            expected = network(*batch)
        found = session.run(None, dict(zip(names, (part.numpy() for part in batch), strict=True)))
        both = zip([expected] if isinstance(expected, Tensor) else expected, found, strict=True)
        differences += [float(np.abs(theirs - ours.numpy()).max()) for ours, theirs in both]
    return max(differences)


def check_onnx(network: nn.Module, file: Path, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Raise StylecastError where ONNX Runtime computes something else than torch."""
    difference = largest_difference(network, file, batches)
    if difference > TOLERANCE:
        raise StylecastError(
            f"{file} differs from torch by {difference:.2g}; it is not fit to ship"
        )


def sha256_of(file: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def parameter_count(network: nn.Module) -> int:
    """Count all learned numbers."""
    return sum(parameter.numel() for parameter in network.parameters())
