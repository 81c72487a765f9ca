"""The part of the INT8 file that stays float32: 1 x 1 layers, and all from half size to the render.

Half of the loss would arise here, where little is left to average it out. Features are channels
first, except those of the 1 x 1 layers, which stand beside the doubling.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.gan.layers import (
    RESIDUAL_SCALE,
    SLOPE,
    ConditionalAffine,
    ConditionalConvolution,
    ResidualBlock,
)
from stylecore.gan.networks import OVERSHOOT, Generator
from stylecore.gan.precision.nodes import Nodes

CHANNELS_FIRST, CHANNELS_LAST = (1, -1, 1, 1), (1, 1, 1, -1)


def narrow(nodes: Nodes, layer: ConditionalConvolution, features: str) -> str:
    """A 1 x 1 layer with its FiLM, channels last."""
    kernel = _array(layer.convolution.weight)[:, :, 0, 0].T
    product = nodes.add("MatMul", [features, nodes.constant(kernel, np.float32)])
    return _affine(nodes, product, layer.affine, CHANNELS_LAST)


def draw_tail(nodes: Nodes, network: Generator, half: str) -> None:
    """From [1, H / 2, W / 2, half] to the render, the last node."""
    first = nodes.add("Transpose", [half], perm=[0, 3, 1, 2])
    last = nodes.add("Transpose", [_block(nodes, network.half_block_out, first)], perm=[0, 2, 3, 1])
    larger = nodes.doubled(narrow(nodes, network.half_out, last))
    _head(
        nodes, network, _full(nodes, network, nodes.add("Transpose", [larger], perm=[0, 3, 1, 2]))
    )


def _full(nodes: Nodes, network: Generator, larger: str) -> str:
    """The last features, [1, full, H, W]."""
    own = _convolution(nodes, larger, network.full_block.convolution.weight)
    sharp = _convolution(nodes, _centred(nodes), network.full_in.weight)
    both = nodes.add("Add", [own, sharp])
    affine = _affine(nodes, both, network.full_block.affine, CHANNELS_FIRST)
    return str(nodes.add("LeakyRelu", [affine], alpha=SLOPE))


def _block(nodes: Nodes, block: ResidualBlock, features: str) -> str:
    """A residual block."""
    inner = _convolution(nodes, features, block.first.convolution.weight)
    inner = _affine(nodes, inner, block.first.affine, CHANNELS_FIRST)
    inner = nodes.add("LeakyRelu", [inner], alpha=SLOPE)
    inner = _convolution(nodes, inner, block.second.convolution.weight)
    inner = _affine(nodes, inner, block.second.affine, CHANNELS_FIRST, RESIDUAL_SCALE)
    return str(nodes.add("Add", [features, inner]))


def _head(nodes: Nodes, network: Generator, full: str) -> None:
    """The blended head; `2 * photo - 1` is taken into its kernel and bias."""
    add, constant, channels = nodes.add, nodes.constant, network.shape.full
    head = _array(network.head)
    on_full = _blended(nodes, head[:, :, :channels], [3, channels])
    on_photo = _blended(nodes, 2 * head[:, :, channels:], [3, 3])
    bias = _blended(nodes, _array(network.head_bias) - head[:, :, channels:].sum(axis=2), [3, 1])
    features = add("Reshape", [full, constant([channels, -1], np.int64)])
    planes = add("Reshape", ["photo", constant([3, -1], np.int64)])
    products = add("MatMul", [on_full, features]), add("MatMul", [on_photo, planes])
    logits = add("Add", [add("Add", products), bias])
    spread = add("Mul", [add("Sigmoid", [logits]), constant(1 + 2 * OVERSHOOT, np.float32)])
    render = add("Sub", [spread, constant(OVERSHOOT, np.float32)])
    bounds = [constant(bound, np.float32) for bound in (0, 1)]
    add("Reshape", [add("Clip", [render, *bounds]), add("Shape", ["photo"])])


def _centred(nodes: Nodes) -> str:
    """The network's input, [1, 6, H, W]."""
    two, one, half = (nodes.constant(value, np.float32) for value in (2, 1, 0.5))
    photo = nodes.add("Sub", [nodes.add("Mul", ["photo", two]), one])
    return str(nodes.add("Concat", [photo, nodes.add("Mul", ["noise", half])], axis=1))


def _convolution(nodes: Nodes, features: str, weight: Tensor) -> str:
    """3 x 3 with reflected edge."""
    pads = nodes.constant([0, 0, 1, 1] * 2, np.int64)
    padded = nodes.add("Pad", [features, pads], mode="reflect")
    kernel = nodes.constant(_array(weight), np.float32)
    return str(nodes.add("Conv", [padded, kernel], kernel_shape=[3, 3]))


def _affine(
    nodes: Nodes,
    features: str,
    affine: ConditionalAffine,
    shape: Sequence[int],
    factor: float = 1.0,
) -> str:
    """FiLM times `factor`; the channels are where `shape` has -1."""
    tables = (1 + _array(affine.scale_table)) * factor, _array(affine.shift_table) * factor
    scale, shift = (_blended(nodes, table, shape) for table in tables)
    return str(nodes.add("Add", [nodes.add("Mul", [features, scale]), shift]))


def _blended(nodes: Nodes, table: Floats, shape: Sequence[int]) -> str:
    """A table with a row a style, [styles, ...], blended, in the given shape."""
    flat = nodes.constant(table.reshape(len(table), -1), np.float32)
    row = nodes.add("MatMul", ["weights", flat])
    return str(nodes.add("Reshape", [row, nodes.constant(list(shape), np.int64)]))


def _array(parameter: Tensor) -> Floats:
    return np.asarray(parameter.detach().numpy(), np.float32)
