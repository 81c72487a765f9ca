"""The generator's convolutions in integers: kernels, FiLM tables, and the codes between them.

Which features share a byte code is settled here; how the layers hang together is int8_file.py's.

The part of the INT8 file that stays float32: 1 x 1 layers, and all from half size to the render.

Half of the loss would arise here, where little is left to average it out. Features are channels
first, except those of the 1 x 1 layers, which stand beside the doubling.

The conditional affines of all integer layers at once, reckoned from `weights` once a picture.

Small vectors cost a CPU mostly the call, so all layers share one row of numbers, split at the end.

The generator in integers, for CPUs with 8-bit dot products: one picture a run, any size.

Until the way back reaches half size, convolutions multiply bytes. Their FiLM costs nothing: the
scale goes into the factor by which ONNX Runtime brings sums of products back to bytes, the shift
into the bias, both reckoned once a picture from `weights`. That is why a run takes one picture:
several styles in one batch would need a factor per picture. The file has the inputs and the output
of the FP32 one; weights whose sum is not 1 draw something else. How far its renders are from the
FP32 ones is not known here (loss.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.gan.export import INPUTS, OUTPUT
from stylecore.gan.networks import (
    OVERSHOOT,
    RESIDUAL_SCALE,
    SLOPE,
    ConditionalAffine,
    ConditionalConvolution,
    Generator,
    ResidualBlock,
)
from stylecore.gan.quantize.calibrate import LAYERS_WITH_NOISE, Ranges
from stylecore.gan.quantize.graph import Code, Kernel, Nodes, code_of, kernel_of

NOISE_REACH = 4.0
"""Noise is clipped here; one number in 16,000 lies beyond."""
PHOTO, NOISE = Code(1 / 255, 0), Code(NOISE_REACH / 127, 128)
"""The inputs as bytes; the photo's are its own."""
CENTRED_PHOTO, CENTRED_NOISE = Code(2 / 255, 127.5), Code(0.5 * NOISE_REACH / 127, 128)
"""The same bytes as the network centres them: 2 * photo - 1, noise / 2."""

FLOAT_LAYERS = {
    *("eighth_out", "quarter_out", "half_out", "full_block"),
    *("half_block_out.first", "half_block_out.second"),
}
"""1 x 1 layers and the last ones: there rounding is seen most, and bytes save little time."""

Codes = dict[str, Code]


@dataclass(frozen=True)
class Layer:
    """`factor * (convolution * (1 + weights @ scales) + weights @ shifts)`, before activation."""

    kernel: Kernel
    scales: Floats
    """[styles, out]."""
    shifts: Floats
    factor: float
    stride: int


def codes_of(ranges: Ranges) -> Codes:
    """The codes of inputs and outputs; the inner branch of a residual block ends scaled down."""
    return {
        name: code_of(channels * factor)
        for name, channels in ranges.items()
        for factor in [factor_of(name.removesuffix(".out")) if name.endswith(".out") else 1.0]
    }


def factor_of(layer: str) -> float:
    """What a layer's output is multiplied with where it joins the others."""
    return RESIDUAL_SCALE if layer.endswith(".second") else 1.0


def layers_of(generator: Generator, codes: Codes) -> dict[str, Layer]:
    """All convolutions in integers by name."""
    layers = {}
    for name, module in generator.named_modules():
        if isinstance(module, ConditionalConvolution) and name not in FLOAT_LAYERS:
            layers[name] = _layer(name, module, _parts(name, module, codes))
            if noise := LAYERS_WITH_NOISE.get(name):
                kernel = kernel_of([(_array(getattr(generator, noise).weight), NOISE)])
                scales = _array(module.affine.scale_table)
                layers[noise] = Layer(kernel, scales, np.zeros_like(scales), 1.0, 1)
    return layers


def _layer(name: str, module: ConditionalConvolution, parts: list[tuple[Floats, Code]]) -> Layer:
    tables = _array(module.affine.scale_table), _array(module.affine.shift_table)
    return Layer(kernel_of(parts), *tables, factor_of(name), module.convolution.stride[0])


def _parts(name: str, module: ConditionalConvolution, codes: Codes) -> list[tuple[Floats, Code]]:
    """The kernel of a layer by groups of input channels that share a code."""
    kernel = _array(module.convolution.weight)
    if name == "half_in":
        return [(kernel[:, :3], CENTRED_PHOTO), (kernel[:, 3:], CENTRED_NOISE)]
    return [(kernel, codes[f"{name}.in"])]


def _array(parameter: Tensor) -> Floats:
    return np.asarray(parameter.detach().numpy(), np.float32)


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


Coded = tuple[str, Code]


def int8_model(generator: Generator, ranges: Ranges) -> onnx.ModelProto:
    """The ONNX model of a float32 generator, its features coded by their `ranges`."""
    styles = generator.shape.styles
    walk = _Walk(generator, ranges)
    walk.draw()
    picture: list[int | str] = [1, 3, "height", "width"]
    photo, weights, noise = INPUTS
    shapes: dict[str, list[int | str]] = {photo: picture, weights: [1, styles], noise: picture}
    return walk.nodes.model(shapes, OUTPUT, picture)


class _Walk:
    """Goes through the network as `Generator.forward` does, leaving nodes behind."""

    def __init__(self, generator: Generator, ranges: Ranges) -> None:
        self.nodes, self._generator, self._ranges = Nodes(), generator, ranges
        self._codes: Codes = codes_of(ranges)
        self._layers = layers_of(generator, self._codes)
        self._films = blended(self.nodes, self._layers)

    def draw(self) -> None:
        """From the inputs to the render."""
        half, quarter, eighth = self._down()
        eighth = self._blocks("eighth_blocks", eighth, "eighth_out")
        quarter = self._joined(quarter, "eighth_out", eighth, "quarter_blocks.0.first")
        quarter = self._blocks("quarter_blocks", quarter, "quarter_out")
        half_floats = self._larger("quarter_out", quarter, half)
        draw_tail(self.nodes, self._generator, half_floats)

    def _down(self) -> tuple[Coded, Coded, Coded]:
        """Features at half, quarter and eighth size, the first two also for the way back."""
        self._centred = self._inputs()
        half = self._active(self._convolved("half_in", self._centred), "half_block_in.first")
        half = self._block("half_block_in", half, "quarter_in")
        quarter = self._with_noise("quarter_in", half, "quarter_noise", 4, "eighth_in")
        eighth = self._with_noise("eighth_in", quarter, "eighth_noise", 8, "eighth_blocks.0.first")
        return half, quarter, eighth

    def _inputs(self) -> str:
        """Photo and noise as bytes, side by side, channels last."""
        photo, noise = self.nodes.coded("photo", PHOTO), self.nodes.coded("noise", NOISE)
        planes = self.nodes.add("Concat", [photo, noise], axis=1)
        return str(self.nodes.add("Transpose", [planes], perm=[0, 2, 3, 1]))

    def _with_noise(
        self, name: str, features: Coded, noise: str, factor: int, reader: str
    ) -> Coded:
        """A layer that noise joins, pooled by `factor` and brought back to variance 1."""
        size = [factor, factor]
        pooled = self.nodes.add("AveragePool", ["noise"], kernel_shape=size, strides=size)
        coded = self.nodes.coded(pooled, Code(NOISE.step / factor, NOISE.zero))
        last = self.nodes.add("Transpose", [coded], perm=[0, 2, 3, 1])
        code = code_of(self._ranges[f"{name}.out"] + self._ranges[f"{noise}.out"])
        both = self._convolved(name, features[0]), self._convolved(noise, last)
        return self._active((self.nodes.sum(*both, code), code), reader)

    def _blocks(self, prefix: str, features: Coded, reader: str) -> Coded:
        """Residual blocks in a row, for the layer `reader`."""
        count = len(getattr(self._generator, prefix))
        readers = [f"{prefix}.{place}.first" for place in range(1, count)] + [reader]
        for place, after in enumerate(readers):
            features = self._block(f"{prefix}.{place}", features, after)
        return features

    def _block(self, name: str, features: Coded, reader: str) -> Coded:
        inner = self._convolved(f"{name}.first", features[0])
        inner = self._active(inner, f"{name}.second")
        code = self._codes[f"{reader}.in"]
        inner = self._convolved(f"{name}.second", inner[0])
        return self.nodes.sum(features, inner, code), code

    def _joined(self, skip: Coded, name: str, features: Coded, reader: str) -> Coded:
        """`_larger` in the code of the layer that reads it."""
        code = self._codes[f"{reader}.in"]
        return self.nodes.coded(self._larger(name, features, skip), code), code

    def _larger(self, name: str, features: Coded, skip: Coded) -> str:
        """A 1 x 1 layer at twice the size, plus what was kept on the way down: float32."""
        layer = getattr(self._generator, name)
        convolved = narrow(self.nodes, layer, self.nodes.decoded(*features))
        kept = self.nodes.decoded(*skip)
        return str(self.nodes.add("Add", [kept, self.nodes.doubled(convolved)]))

    def _convolved(self, name: str, features: str) -> Coded:
        """A layer with its FiLM, before activation."""
        code, layer = self._codes[f"{name}.out"], self._layers[name]
        step, bias = self._films[name]
        weights = layer.kernel.weights
        return self.nodes.convolution(features, weights, step, bias, code, layer.stride), code

    def _active(self, features: Coded, reader: str) -> Coded:
        """Activated, in the code of the layer that reads it."""
        code = self._codes[f"{reader}.in"]
        return self.nodes.leaky(*features, code), code
