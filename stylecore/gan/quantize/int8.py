"""Builds the generator in integers, for CPUs with 8-bit dot products: one picture a run, any size.

int8_model -> layers_of (kernels and FiLM tables by layer) -> film_parameters (per picture) ->
_Builder (the graph, layer by layer as in `Generator.forward`) -> add_tail (float32).

Down to eighth and back to quarter size convolutions multiply bytes. Their FiLM is free: the scale
joins the factor by which ONNX Runtime converts sums of products back to bytes, the shift joins the
bias, both computed once a picture from `weights`. So a run takes one picture, because several
styles in a batch would need a factor per picture. 1 x 1 layers and everything from half size to the
render stay float32: half of the loss would arise there, where few layers follow to average it out.
The file has the inputs and the output of the FP32 one; weights must sum to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.evaluation.onnx_graph import Shape
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
from stylecore.gan.quantize.graph import Code, IntegerGraph, Kernel, code_of, kernel_of

Coded = tuple[str, Code]
"""Features by name, with their code."""


def int8_model(generator: Generator, ranges: Ranges) -> onnx.ModelProto:
    """Build the ONNX model of a float32 generator, its features coded by their `ranges`."""
    styles = generator.shape.styles
    builder = _Builder(generator, ranges)
    render = builder.draw()
    picture: Shape = [1, 3, "height", "width"]
    photo, weights, noise = INPUTS
    shapes: dict[str, Shape] = {photo: picture, weights: [1, styles], noise: picture}
    model: onnx.ModelProto = builder.graph.model(shapes, {OUTPUT: render})
    return model


class _Builder:
    """Adds the network's nodes in the order of `Generator.forward`."""

    def __init__(self, generator: Generator, ranges: Ranges) -> None:
        self.graph, self._generator, self._ranges = IntegerGraph(), generator, ranges
        self._codes: Codes = codes_of(ranges)
        self._layers = layers_of(generator, self._codes)
        self._films = film_parameters(self.graph, self._layers)

    def draw(self) -> str:
        """Add everything from the inputs to the render."""
        half, quarter, eighth = self._down()
        eighth = self._blocks("eighth_blocks", eighth, "eighth_out")
        quarter = self._joined(quarter, "eighth_out", eighth, "quarter_blocks.0.first")
        quarter = self._blocks("quarter_blocks", quarter, "quarter_out")
        half_floats = self._larger("quarter_out", quarter, half)
        return add_tail(self.graph, self._generator, half_floats)

    def _down(self) -> tuple[Coded, Coded, Coded]:
        """Add the way down; returns features at half, quarter and eighth size."""
        self._centred = self._inputs()
        half = self._active(self._convolved("half_in", self._centred), "half_block_in.first")
        half = self._block("half_block_in", half, "quarter_in")
        quarter = self._with_noise("quarter_in", half, "quarter_noise", 4, "eighth_in")
        eighth = self._with_noise("eighth_in", quarter, "eighth_noise", 8, "eighth_blocks.0.first")
        return half, quarter, eighth

    def _inputs(self) -> str:
        """Add photo and noise as bytes, concatenated, channels last."""
        photo, noise = self.graph.coded("photo", PHOTO), self.graph.coded("noise", NOISE)
        planes = self.graph.add("Concat", [photo, noise], axis=1)
        return str(self.graph.add("Transpose", [planes], perm=[0, 2, 3, 1]))

    def _with_noise(
        self, name: str, features: Coded, noise: str, factor: int, reader: str
    ) -> Coded:
        """Add a layer and its noise, averaged over `factor` px with its variance restored."""
        size = [factor, factor]
        pooled = self.graph.add("AveragePool", ["noise"], kernel_shape=size, strides=size)
        coded = self.graph.coded(pooled, Code(NOISE.step / factor, NOISE.zero))
        last = self.graph.add("Transpose", [coded], perm=[0, 2, 3, 1])
        code = code_of(self._ranges[f"{name}.out"] + self._ranges[f"{noise}.out"])
        both = self._convolved(name, features[0]), self._convolved(noise, last)
        return self._active((self.graph.sum(*both, code), code), reader)

    def _blocks(self, prefix: str, features: Coded, reader: str) -> Coded:
        """Add residual blocks in a row, in the code of the layer `reader`."""
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
        return self.graph.sum(features, inner, code), code

    def _joined(self, skip: Coded, name: str, features: Coded, reader: str) -> Coded:
        """Add `_larger` in the code of the layer `reader`."""
        code = self._codes[f"{reader}.in"]
        return self.graph.coded(self._larger(name, features, skip), code), code

    def _larger(self, name: str, features: Coded, skip: Coded) -> str:
        """Add a 1 x 1 layer at twice the size and the skip connection, in float32."""
        layer = getattr(self._generator, name)
        convolved = narrow(self.graph, layer, self.graph.decoded(*features))
        kept = self.graph.decoded(*skip)
        return str(self.graph.add("Add", [kept, self.graph.doubled(convolved)]))

    def _convolved(self, name: str, features: str) -> Coded:
        """Add a layer with its FiLM, before activation."""
        code, layer = self._codes[f"{name}.out"], self._layers[name]
        step, bias = self._films[name]
        weights = layer.kernel.weights
        return self.graph.convolution(features, weights, step, bias, code, layer.stride), code

    def _active(self, features: Coded, reader: str) -> Coded:
        """Add the activation, in the code of the layer `reader`."""
        code = self._codes[f"{reader}.in"]
        return self.graph.leaky(*features, code), code


NOISE_REACH = 4.0
"""Noise is clipped here; one number in 16,000 is larger."""
PHOTO, NOISE = Code(1 / 255, 0), Code(NOISE_REACH / 127, 128)
"""The codes of the inputs; the photo's bytes are its pixels."""
CENTRED_PHOTO, CENTRED_NOISE = Code(2 / 255, 127.5), Code(0.5 * NOISE_REACH / 127, 128)
"""The same bytes as the network centres them: 2 * photo - 1, noise / 2."""

FLOAT_LAYERS = {
    *("eighth_out", "quarter_out", "half_out", "full_block"),
    *("half_block_out.first", "half_block_out.second"),
}
"""1 x 1 layers and the last ones, where rounding shows most and bytes save little time."""

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
    """Choose codes of inputs and outputs; the inner branch of a residual block is scaled down."""
    return {
        name: code_of(channels * factor)
        for name, channels in ranges.items()
        for factor in [factor_of(name.removesuffix(".out")) if name.endswith(".out") else 1.0]
    }


def factor_of(layer: str) -> float:
    """Factor of a layer's output where it is added to others."""
    return RESIDUAL_SCALE if layer.endswith(".second") else 1.0


def layers_of(generator: Generator, codes: Codes) -> dict[str, Layer]:
    """Quantize all convolutions that run on bytes, by name."""
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
    """Split a layer's kernel into groups of input channels that share a code."""
    kernel = _array(module.convolution.weight)
    if name == "half_in":
        return [(kernel[:, :3], CENTRED_PHOTO), (kernel[:, 3:], CENTRED_NOISE)]
    return [(kernel, codes[f"{name}.in"])]


def _array(parameter: Tensor) -> Floats:
    return np.asarray(parameter.detach().numpy(), np.float32)


LEAST_SCALE = 1e-3
"""Least magnitude of a FiLM's scale, because the bias is divided by it."""


def film_parameters(graph: IntegerGraph, layers: Mapping[str, Layer]) -> dict[str, tuple[str, str]]:
    """Add, for every layer, the step of its sums and its bias, [out] each, from `weights`.

    All layers share one vector, split at the end: for small vectors a CPU mostly pays per call.

    With `scale` and `shift` of its FiLM a layer gives `step * (sums + bias)`, where
    `step = factor * scale * kernel.step` and `bias = kernel.offset + factor * shift / step`.
    """
    add, constant, each = graph.add, graph.constant, layers.values()
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


CHANNELS_FIRST, CHANNELS_LAST = (1, -1, 1, 1), (1, 1, 1, -1)


def narrow(graph: IntegerGraph, layer: ConditionalConvolution, features: str) -> str:
    """Add a 1 x 1 layer with its FiLM, channels last."""
    kernel = _array(layer.convolution.weight)[:, :, 0, 0].T
    product = graph.add("MatMul", [features, graph.constant(kernel, np.float32)])
    return _affine(graph, product, layer.affine, CHANNELS_LAST)


def add_tail(graph: IntegerGraph, network: Generator, half: str) -> str:
    """Add everything from [1, H / 2, W / 2, half] to the render."""
    first = graph.add("Transpose", [half], perm=[0, 3, 1, 2])
    last = graph.add("Transpose", [_block(graph, network.half_block_out, first)], perm=[0, 2, 3, 1])
    larger = graph.doubled(narrow(graph, network.half_out, last))
    full = _full(graph, network, graph.add("Transpose", [larger], perm=[0, 3, 1, 2]))
    return _head(graph, network, full)


def _full(graph: IntegerGraph, network: Generator, larger: str) -> str:
    """Add the last features, [1, full, H, W]."""
    own = _convolution(graph, larger, network.full_block.convolution.weight)
    sharp = _convolution(graph, _centred(graph), network.full_in.weight)
    both = graph.add("Add", [own, sharp])
    affine = _affine(graph, both, network.full_block.affine, CHANNELS_FIRST)
    return str(graph.add("LeakyRelu", [affine], alpha=SLOPE))


def _block(graph: IntegerGraph, block: ResidualBlock, features: str) -> str:
    """Add a residual block in float32."""
    inner = _convolution(graph, features, block.first.convolution.weight)
    inner = _affine(graph, inner, block.first.affine, CHANNELS_FIRST)
    inner = graph.add("LeakyRelu", [inner], alpha=SLOPE)
    inner = _convolution(graph, inner, block.second.convolution.weight)
    inner = _affine(graph, inner, block.second.affine, CHANNELS_FIRST, RESIDUAL_SCALE)
    return str(graph.add("Add", [features, inner]))


def _head(graph: IntegerGraph, network: Generator, full: str) -> str:
    """The blended head; `2 * photo - 1` is taken into its kernel and bias."""
    add, constant, channels = graph.add, graph.constant, network.shape.full
    head = _array(network.head)
    on_full = _blended(graph, head[:, :, :channels], [3, channels])
    on_photo = _blended(graph, 2 * head[:, :, channels:], [3, 3])
    bias = _blended(graph, _array(network.head_bias) - head[:, :, channels:].sum(axis=2), [3, 1])
    features = add("Reshape", [full, constant([channels, -1], np.int64)])
    planes = add("Reshape", ["photo", constant([3, -1], np.int64)])
    products = add("MatMul", [on_full, features]), add("MatMul", [on_photo, planes])
    logits = add("Add", [add("Add", products), bias])
    spread = add("Mul", [add("Sigmoid", [logits]), constant(1 + 2 * OVERSHOOT, np.float32)])
    render = add("Sub", [spread, constant(OVERSHOOT, np.float32)])
    bounds = [constant(bound, np.float32) for bound in (0, 1)]
    clipped = add("Clip", [render, *bounds])
    return str(add("Reshape", [clipped, add("Shape", ["photo"])]))


def _centred(graph: IntegerGraph) -> str:
    """Add the network's input, [1, 6, H, W]."""
    two, one, half = (graph.constant(value, np.float32) for value in (2, 1, 0.5))
    photo = graph.add("Sub", [graph.add("Mul", ["photo", two]), one])
    return str(graph.add("Concat", [photo, graph.add("Mul", ["noise", half])], axis=1))


def _convolution(graph: IntegerGraph, features: str, weight: Tensor) -> str:
    """Add a 3 x 3 convolution with reflected padding."""
    pads = graph.constant([0, 0, 1, 1] * 2, np.int64)
    padded = graph.add("Pad", [features, pads], mode="reflect")
    kernel = graph.constant(_array(weight), np.float32)
    return str(graph.add("Conv", [padded, kernel], kernel_shape=[3, 3]))


def _affine(
    graph: IntegerGraph,
    features: str,
    affine: ConditionalAffine,
    shape: Sequence[int],
    factor: float = 1.0,
) -> str:
    """Add FiLM times `factor`; `shape` has -1 at the channels."""
    tables = (1 + _array(affine.scale_table)) * factor, _array(affine.shift_table) * factor
    scale, shift = (_blended(graph, table, shape) for table in tables)
    return str(graph.add("Add", [graph.add("Mul", [features, scale]), shift]))


def _blended(graph: IntegerGraph, table: Floats, shape: Sequence[int]) -> str:
    """Blend a table [styles, ...] by the weights, in the given shape."""
    flat = graph.constant(table.reshape(len(table), -1), np.float32)
    row = graph.add("MatMul", ["weights", flat])
    return str(graph.add("Reshape", [row, graph.constant(list(shape), np.int64)]))
