"""The generator's convolutions in integers: kernels, FiLM tables, and the codes between them.

Which features share a byte code is settled here; how the layers hang together is int8_file.py's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.gan.layers import RESIDUAL_SCALE, ConditionalConvolution
from stylecore.gan.networks import Generator
from stylecore.gan.precision.ranges import LAYERS_WITH_NOISE, Ranges
from stylecore.gan.precision.steps import Code, Kernel, code_of, kernel_of

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
