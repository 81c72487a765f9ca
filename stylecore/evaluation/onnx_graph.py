"""Builds small ONNX models node by node, and runs models on the CPU.

For models that no file ships with: SqueezeNet, and the baseline of the generator's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stylecore.errors import SettingsError

OPSET, IR_VERSION = 18, 8

Shape = Sequence[int | str]
"""Lengths of axes; names for those of any length."""


class Graph:
    """Nodes and constants in the order in which they were added."""

    def __init__(self) -> None:
        """Raises SettingsError where the package onnx is not installed."""
        try:
            import onnx  # noqa: F401
        except ImportError as problem:
            raise SettingsError(
                "evaluation needs the package onnx: pip install 'stylecast[evaluate]'"
            ) from problem
        self._nodes: list[Any] = []
        self._constants: dict[tuple[object, ...], Any] = {}

    def constant(self, value: Any, kind: type) -> str:
        """Add a fixed array, equal ones once; returns its name."""
        from onnx import numpy_helper

        array: NDArray[Any] = np.asarray(value, kind)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array, name)
        return str(self._constants[key].name)

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node with one output; returns its name."""
        from onnx import helper

        name = f"node{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, inputs: Mapping[str, Shape], outputs: Mapping[str, str]) -> Any:
        """Build the model, float32 in and out; `outputs` gives names to outputs of nodes."""
        from onnx import TensorProto, helper

        kind = TensorProto.FLOAT
        renamed = {source: name for name, source in outputs.items()}
        for node in self._nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]
        graph = helper.make_graph(
            self._nodes,
            "graph",
            [
                helper.make_tensor_value_info(name, kind, list(dims))
                for name, dims in inputs.items()
            ],
            [helper.make_tensor_value_info(name, kind, None) for name in outputs],
            list(self._constants.values()),
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def cpu_session(model: Path | bytes, threads: int = 2) -> onnxruntime.InferenceSession:
    """Open an ONNX Runtime session on the CPU, on a file or an encoded model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
