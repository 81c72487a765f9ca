"""The generator in integers, for CPUs with 8-bit dot products: one picture a run, any size.

Until the way back reaches half size, convolutions multiply bytes. Their FiLM costs nothing: the
scale goes into the factor by which ONNX Runtime brings sums of products back to bytes, the shift
into the bias, both reckoned once a picture from `weights`. That is why a run takes one picture:
several styles in one batch would need a factor per picture. The file has the inputs and the output
of the FP32 one; weights whose sum is not 1 draw something else. How far its renders are from the
FP32 ones is not known here (loss.py).
"""

from __future__ import annotations

import onnx

from stylecore.gan.networks import Generator
from stylecore.gan.onnx_file import INPUTS, OUTPUT
from stylecore.gan.precision.films import blended
from stylecore.gan.precision.float_tail import draw_tail, narrow
from stylecore.gan.precision.int8_layers import (
    NOISE,
    PHOTO,
    Codes,
    codes_of,
    layers_of,
)
from stylecore.gan.precision.nodes import Nodes
from stylecore.gan.precision.ranges import Ranges
from stylecore.gan.precision.steps import Code, code_of

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
