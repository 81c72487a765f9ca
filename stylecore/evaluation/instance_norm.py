"""The network that speed is compared with: conditional instance normalisation, 1.71 M parameters.

Dumoulin et al., "A learned representation for artistic style", ICLR 2017: the residual network of
Johnson et al. (ECCV 2016) with nearest upsampling, whose normalisations take scale and shift from
a table of styles. Its weights are random: it takes the time of the real one and draws nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylecore.evaluation.graph import Graph

STYLES = 10
_LAYERS = ((3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2))
_RESIDUALS, _WIDTH = 5, 128
_UP = ((128, 64), (64, 32))


def instance_norm_network(random: np.random.Generator) -> tuple[bytes, int]:
    """The ONNX file and its count of parameters.

    Inputs `photo` [1, 3, H, W] and `weights` [1, 10], output `render` [1, 3, H, W].
    """
    parts = _Parts(random)
    features = "photo"
    for channels, wider, kernel, stride in _LAYERS:
        features = parts.block(features, channels, wider, kernel, stride)
    for _ in range(_RESIDUALS):
        inner = parts.block(features, _WIDTH, _WIDTH, 3, 1)
        inner = parts.block(inner, _WIDTH, _WIDTH, 3, 1, active=False)
        features = parts.graph.add("Add", [features, inner])
    for channels, fewer in _UP:
        features = parts.block(parts.enlarged(features), channels, fewer, 3, 1)
    features = parts.block(features, _UP[-1][1], 3, 9, 1, active=False)
    parts.graph.add("Sigmoid", [features], "render")
    shapes: dict[str, list[int | None]] = {"photo": [1, 3, None, None], "weights": [1, STYLES]}
    return parts.graph.model(shapes, ["render"]), parts.parameters


class _Parts:
    """A graph in the making, with its count of learnt numbers."""

    def __init__(self, random: np.random.Generator) -> None:
        self.graph, self.parameters, self._constants = Graph(), 0, 0
        self._random, self._flat = random, np.array([-1], np.int64)

    def block(
        self, source: str, channels: int, out: int, kernel: int, stride: int, *, active: bool = True
    ) -> str:
        """Reflected edge, convolution, normalisation by style, ReLU."""
        edge = np.array([0, 0, *[kernel // 2] * 2] * 2, np.int64)
        padded = self.graph.add("Pad", [source, self._fixed(edge)], mode="reflect")
        weight = self._learnt(out, channels, kernel, kernel)
        linear = self.graph.add("Conv", [padded, weight], strides=[stride] * 2)
        scale, shift = (self._by_style(out) for _ in range(2))
        normal = self.graph.add("InstanceNormalization", [linear, scale, shift])
        return self.graph.add("Relu", [normal]) if active else normal

    def enlarged(self, source: str) -> str:
        """Twice the size by repeating pixels."""
        scales = self._fixed(np.array([1, 1, 2, 2], np.float32))
        return self.graph.add("Resize", [source, "", scales], mode="nearest")

    def _by_style(self, channels: int) -> str:
        row = self.graph.add("MatMul", ["weights", self._learnt(STYLES, channels)])
        return self.graph.add("Reshape", [row, self._fixed(self._flat)])

    def _learnt(self, *shape: int) -> str:
        array = self._random.normal(0, 0.05, shape).astype(np.float32)
        self.parameters += array.size
        return self._fixed(array)

    def _fixed(self, array: NDArray[Any]) -> str:
        self._constants += 1
        return self.graph.constant(f"constant{self._constants}", array)
