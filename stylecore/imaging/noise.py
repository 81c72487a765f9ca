"""The noise field that seeds every render: one array of numbers per seed.

Teachers and generator read the same field, so a seed gives the same painting in both. The field is
built from raw Philox bits with integer sums, because NumPy guarantees the raw stream across
versions and machines, but not `standard_normal`. The sum of twelve uniforms (Irwin-Hall)
approximates a normal: variance 1, and nothing beyond 6, so the tails are too light.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats

CHANNELS = 3
_WORDS = 3
"""64-bit words per number: three of four 16-bit uniforms each make the twelve."""
_CENTRE = 12 * (2**16 - 1) / 2
_SCALE = 1 / np.sqrt(12 * (2.0**32 - 1) / 12)


def noise_field(seed: int, height: int, width: int) -> Floats:
    """Draw standard normal noise [height, width, 3], the same bytes for a seed on every machine.

    Fields of one seed and one width agree in the rows that they share. Raises ValueError for a
    negative seed or a size below 1.
    """
    if seed < 0 or height < 1 or width < 1:
        raise ValueError(
            f"noise field of seed {seed} and {height} x {width} pixels: "
            "the seed must be 0 or more, the sides 1 or more"
        )
    words = np.random.Philox(key=seed % 2**128).random_raw(height * width * CHANNELS * _WORDS)
    uniforms = words.astype("<u8", copy=False).view("<u2").reshape(-1, 4 * _WORDS)
    sums = uniforms.sum(axis=1, dtype=np.int64)
    field = np.asarray((sums - _CENTRE) * _SCALE, np.float32)
    return field.reshape(height, width, CHANNELS)
