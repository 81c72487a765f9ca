"""Real numbers as bytes: the affine code of features, the per-channel code of kernels.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", CVPR 2018. Features are `step * (byte - zero)`, kernels `step[channel] * int8`. Which
numbers are coded is not known here.

An ONNX graph of integer operators in the making: features are bytes, channels last.

The operators are ONNX Runtime's own (domain com.microsoft), written down as such, because its
optimiser would not fold a style's scale into a quantised convolution. It knows no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from stylecore.arrays import Floats
from stylecore.gan.networks import SLOPE


@dataclass(frozen=True)
class Code:
    """Features of one tensor: `step * (byte - zero)`."""

    step: float
    zero: float
    """A whole number, except where no operator has to know it (the photo's 127.5)."""


def code_of(channels: Floats) -> Code:
    """The bytes that reach over all channels' ranges [2, channels], zero among them."""
    low, high = min(float(channels[0].min()), 0.0), max(float(channels[1].max()), 1e-6)
    step = (high - low) / 255
    return Code(step, float(round(-low / step)))


@dataclass(frozen=True)
class Kernel:
    """A convolution on bytes: per output channel `step * (convolution(bytes) + offset)`."""

    weights: NDArray[np.int8]
    """[out, in, height, width]."""
    step: Floats
    """[out]."""
    offset: Floats
    """[out]; it stands in for the zeros of the input's codes, which are not taken off the bytes."""


def kernel_of(parts: list[tuple[Floats, Code]]) -> Kernel:
    """The kernel over inputs laid side by side, each [out, in, height, width] with its code."""
    weights = np.concatenate([part * np.float32(code.step) for part, code in parts], axis=1)
    zeros = np.concatenate([np.full(part.shape[1], code.zero) for part, code in parts])
    largest = np.abs(weights).max(axis=(1, 2, 3))
    step = (np.maximum(largest, 1e-12) / 127).astype(np.float32)
    whole = np.rint(weights / step[:, None, None, None]).clip(-127, 127)
    offset = -np.einsum("oihw,i->o", whole, zeros).astype(np.float32)
    return Kernel(whole.astype(np.int8), step, offset)


OPSET, IR_VERSION = 18, 8
RUNTIME = "com.microsoft"


class Nodes:
    """Nodes and constants in the order in which they were added."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[object, ...], onnx.TensorProto] = {}

    def constant(self, value: Any, kind: type) -> str:
        """A fixed array; equal ones are kept once. Returns its name."""
        array: NDArray[Any] = np.asarray(value, kind)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array, name)
        return str(self._constants[key].name)

    def add(self, operator: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """A node; returns the name of its output, or the names where there are several."""
        names = [f"node{len(self._nodes)}.{place}" for place in range(outputs)]
        domain = RUNTIME if operator in RUNTIME_OPERATORS else ""
        node = helper.make_node(operator, list(inputs), names, domain=domain, **attributes)
        self._nodes.append(node)
        return names[0] if outputs == 1 else names

    def coded(self, values: str, code: Code) -> str:
        """Floats to bytes."""
        return str(self.add("QuantizeLinear", [values, *self._code(code)]))

    def decoded(self, features: str, code: Code) -> str:
        """Bytes to floats."""
        return str(self.add("DequantizeLinear", [features, *self._code(code)]))

    def leaky(self, features: str, before: Code, after: Code) -> str:
        """Leaky ReLU: a table of 256 bytes."""
        codes = [*self._code(before), *self._code(after)]
        return str(self.add("QLinearLeakyRelu", [features, *codes], alpha=SLOPE))

    def sum(self, one: tuple[str, Code], other: tuple[str, Code], after: Code) -> str:
        """Two features of one shape."""
        (a, code_a), (b, code_b) = one, other
        codes = [a, *self._code(code_a), b, *self._code(code_b), *self._code(after)]
        return str(self.add("QLinearAdd", codes))

    def convolution(
        self,
        features: str,
        kernel: NDArray[np.int8],
        step: str,
        bias: str,
        after: Code,
        stride: int,
    ) -> str:
        """Reflected edge and convolution; `step` and `bias` are tensors of one number a channel."""
        if edge := (kernel.shape[-1] - 1) // 2:
            pads = self.constant([0, edge, edge, 0] * 2, np.int64)
            features = str(self.add("Pad", [features, pads], mode="reflect"))
        nothing, one = self.constant(0, np.uint8), self.constant(1, np.float32)
        weights, balanced = self.constant(kernel, np.int8), self.constant(0, np.int8)
        inputs = [features, one, nothing, weights, step, balanced, *self._code(after), bias]
        shape = list(kernel.shape[2:])
        return str(
            self.add(
                "QLinearConv", inputs, channels_last=1, kernel_shape=shape, strides=[stride] * 2
            )
        )

    def doubled(self, floats: str) -> str:
        """Twice the height and width, bilinear, in floats: ONNX Runtime is slow at it in bytes."""
        scales = self.constant([1, 2, 2, 1], np.float32)
        return str(
            self.add(
                "Resize",
                [floats, "", scales],
                mode="linear",
                coordinate_transformation_mode="half_pixel",
            )
        )

    def model(
        self, inputs: dict[str, list[int | str]], output: str, shape: list[int | str]
    ) -> onnx.ModelProto:
        """The finished model, float32 in and out."""
        kind = TensorProto.FLOAT
        self._nodes[-1].output[0] = output
        graph = helper.make_graph(
            self._nodes,
            "generator",
            [helper.make_tensor_value_info(name, kind, dims) for name, dims in inputs.items()],
            [helper.make_tensor_value_info(output, kind, shape)],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _code(self, code: Code) -> tuple[str, str]:
        return self.constant(code.step, np.float32), self.constant(code.zero, np.uint8)


RUNTIME_OPERATORS = {"QLinearConv", "QLinearLeakyRelu", "QLinearAdd"}
