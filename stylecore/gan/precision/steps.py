"""Real numbers as bytes: the affine code of features, the per-channel code of kernels.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", CVPR 2018. Features are `step * (byte - zero)`, kernels `step[channel] * int8`. Which
numbers are coded is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Floats


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
