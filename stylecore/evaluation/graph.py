"""Small networks written as ONNX node by node, for the baselines that no file ships with.

Names are given where another reads them, and made otherwise. It knows no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylecore.errors import SettingsError

OPSET, IR_VERSION = 17, 8


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
        self._constants: dict[str, Any] = {}

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A fixed array under a name, which is returned."""
        from onnx import numpy_helper

        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """A node; returns the name of its one output."""
        from onnx import helper

        name = output or f"node{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, inputs: Mapping[str, Sequence[int | None]], outputs: Sequence[str]) -> bytes:
        """The finished file: float32 inputs of these shapes (None is any), named outputs."""
        from onnx import TensorProto, helper

        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "graph",
            [helper.make_tensor_value_info(*pair) for pair in _typed(inputs, floats)],
            [helper.make_tensor_value_info(name, floats, None) for name in outputs],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return bytes(model.SerializeToString())


def _typed(
    inputs: Mapping[str, Sequence[int | None]], kind: int
) -> list[tuple[str, int, list[int | None]]]:
    return [(name, kind, list(shape)) for name, shape in inputs.items()]
