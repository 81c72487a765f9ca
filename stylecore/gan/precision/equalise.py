"""The same generator with channels of like range, so that one byte code fits all of them.

Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019,
with the ranges of real features: a channel is made smaller where it arises and larger where it is
read. FiLM takes the factor up at one end and the kernels at the other; the leaky ReLU, the doubling
and the sums let it through. Exact for weights whose sum is 1, up to float rounding.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from stylecore.arrays import Floats
from stylecore.gan.layers import ConditionalAffine, ConditionalConvolution
from stylecore.gan.networks import Generator
from stylecore.gan.precision.ranges import LAYERS_WITH_NOISE, Ranges

LEAST = 0.05
"""No channel is made more than 20 times as large: kernels have their own rounding."""


@dataclass(frozen=True)
class Stream:
    """Features that are added to each other, and so share their channels' factors."""

    written_by: tuple[str, ...]
    read_by: tuple[str, ...]


def streams_of(generator: Generator) -> list[Stream]:
    """One at half, quarter and eighth size each, and one inside every residual block."""
    quarter = [f"quarter_blocks.{place}" for place in range(len(generator.quarter_blocks))]
    eighth = [f"eighth_blocks.{place}" for place in range(len(generator.eighth_blocks))]
    half = ["half_block_in", "half_block_out"]
    return [
        _stream(half, ["half_in", "quarter_out"], ["quarter_in", "half_out"]),
        _stream(quarter, ["quarter_in", "eighth_out"], ["eighth_in", "quarter_out"]),
        _stream(eighth, ["eighth_in"], ["eighth_out"]),
        *(Stream((f"{one}.first",), (f"{one}.second",)) for one in half + quarter + eighth),
    ]


def _stream(blocks: list[str], writers: list[str], readers: list[str]) -> Stream:
    written = [*writers, *(f"{block}.second" for block in blocks)]
    return Stream(tuple(written), (*readers, *(f"{block}.first" for block in blocks)))


def equalised(generator: Generator, ranges: Ranges) -> tuple[Generator, Ranges]:
    """A copy that draws the same, and the ranges of its features."""
    same, known = copy.deepcopy(generator), dict(ranges)
    for stream in streams_of(generator):
        factor = _factors(stream, ranges)
        for name in stream.written_by:
            _scale_film(_layer(same, name).affine, torch.from_numpy(factor))
            for output in (name, LAYERS_WITH_NOISE.get(name)):
                if output is not None:
                    known[f"{output}.out"] = known[f"{output}.out"] / factor
        for name in stream.read_by:
            kernel = _layer(same, name).convolution.weight
            kernel.data *= torch.from_numpy(factor)[None, :, None, None]
            known[f"{name}.in"] = known[f"{name}.in"] / factor
    return same, known


def _factors(stream: Stream, ranges: Ranges) -> Floats:
    """[channels]: each channel's largest share of a reader's range, at least LEAST."""
    reaches = [np.abs(ranges[f"{name}.in"]).max(axis=0) for name in stream.read_by]
    shares = [reach / max(float(reach.max()), 1e-6) for reach in reaches]
    return np.asarray(np.maximum(np.max(shares, axis=0), LEAST), np.float32)


def _layer(network: Generator, name: str) -> ConditionalConvolution:
    return cast("ConditionalConvolution", network.get_submodule(name))


def _scale_film(affine: ConditionalAffine, factor: Tensor) -> None:
    affine.scale_table.data = (1 + affine.scale_table.data) / factor - 1
    affine.shift_table.data /= factor
