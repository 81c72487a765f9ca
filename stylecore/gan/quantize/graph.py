"""Features and kernels as bytes, and an ONNX graph of operators on them.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", CVPR 2018. Features are `step * (byte - zero)`, kernels `step[channel] * int8`. In the
graph features have channels last. The operators are ONNX Runtime's own (domain com.microsoft),
added as such because its optimizer does not fold a style's scale into a quantized convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Floats
from stylecore.evaluation.onnx_graph import Graph
from stylecore.gan.networks import SLOPE


@dataclass(frozen=True)
class Code:
    """The affine code of one tensor's features: `step * (byte - zero)`."""

    step: float
    zero: float
    """An integer, except where no operator takes it (the photo's 127.5)."""


def code_of(channels: Floats) -> Code:
    """Choose the code that covers all channels' ranges [2, channels] and represents 0 exactly."""
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
    """[out]; accounts for the zeros of the input's codes, not subtracted from the bytes."""


def kernel_of(parts: list[tuple[Floats, Code]]) -> Kernel:
    """Quantize a kernel whose inputs are concatenated, each [out, in, height, width] and code."""
    weights = np.concatenate([part * np.float32(code.step) for part, code in parts], axis=1)
    zeros = np.concatenate([np.full(part.shape[1], code.zero) for part, code in parts])
    largest = np.abs(weights).max(axis=(1, 2, 3))
    step = (np.maximum(largest, 1e-12) / 127).astype(np.float32)
    whole = np.rint(weights / step[:, None, None, None]).clip(-127, 127)
    offset = -np.einsum("oihw,i->o", whole, zeros).astype(np.float32)
    return Kernel(whole.astype(np.int8), step, offset)


class IntegerGraph(Graph):
    """A graph whose features are bytes with a Code each."""

    def coded(self, values: str, code: Code) -> str:
        """Quantize floats to bytes."""
        return str(self.add("QuantizeLinear", [values, *self._code(code)]))

    def decoded(self, features: str, code: Code) -> str:
        """Dequantize bytes to floats."""
        return str(self.add("DequantizeLinear", [features, *self._code(code)]))

    def leaky(self, features: str, before: Code, after: Code) -> str:
        """Add a leaky ReLU, which is a table of 256 bytes."""
        codes = [*self._code(before), *self._code(after)]
        return str(self.add("QLinearLeakyRelu", [features, *codes], alpha=SLOPE))

    def sum(self, one: tuple[str, Code], other: tuple[str, Code], after: Code) -> str:
        """Add two features of one shape."""
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
        """Add reflected padding and a convolution; `step` and `bias` are tensors [out]."""
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
        """Double height and width, bilinearly, in floats: ONNX Runtime is slow at it in bytes."""
        scales = self.constant([1, 2, 2, 1], np.float32)
        return str(
            self.add(
                "Resize",
                [floats, "", scales],
                mode="linear",
                coordinate_transformation_mode="half_pixel",
            )
        )

    def _code(self, code: Code) -> tuple[str, str]:
        return self.constant(code.step, np.float32), self.constant(code.zero, np.uint8)
