"""The conditional affines of all integer layers at once, reckoned from `weights` once a picture.

Small vectors cost a CPU mostly the call, so all layers share one row of numbers, split at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from stylecore.gan.precision.int8_layers import Layer
from stylecore.gan.precision.nodes import Nodes

LEAST_SCALE = 1e-3
"""A FiLM's scale nearer to zero than this is moved here, for the bias is divided by it."""


def blended(nodes: Nodes, layers: Mapping[str, Layer]) -> dict[str, tuple[str, str]]:
    """For every layer the step of its sums and its bias, [out] each, from `weights`.

    With `scale` and `shift` of its FiLM a layer gives `step * (sums + bias)`, where
    `step = factor * scale * kernel.step` and `bias = kernel.offset + factor * shift / step`.
    """
    add, constant, each = nodes.add, nodes.constant, layers.values()
    factors = np.concatenate([np.full_like(layer.kernel.step, layer.factor) for layer in each])
    steps = factors * np.concatenate([layer.kernel.step for layer in each])
    scales = constant(np.concatenate([1 + layer.scales for layer in each], axis=1), np.float32)
    shifts = np.concatenate([layer.shifts for layer in each], axis=1) * factors
    offsets = constant(np.concatenate([layer.kernel.offset for layer in each]), np.float32)
    scale, least = add("MatMul", ["weights", scales]), constant(LEAST_SCALE, np.float32)
    scale = add("Where", [add("Less", [add("Abs", [scale]), least]), least, scale])
    step = add("Mul", [scale, constant(steps, np.float32)])
    shift = add("MatMul", ["weights", constant(shifts, np.float32)])
    bias = add("Round", [add("Add", [add("Div", [shift, step]), offsets])])
    rows = step, add("Cast", [bias], to=onnx.TensorProto.INT32)
    lengths = constant([len(layer.kernel.step) for layer in each], np.int64)
    flat = constant([-1], np.int64)
    split = [add("Split", [add("Reshape", [row, flat]), lengths], len(layers)) for row in rows]
    return dict(zip(layers, zip(*split, strict=True), strict=True))
