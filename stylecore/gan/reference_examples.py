"""What the reference encoder learns from: pictures whose place among the styles is known.

Three sources, in equal parts: real references and the teachers' paintings (one style each), and the
generator's own renders of blends of up to three styles, for which the right answer is exact. Crops
vary in scale and side; luma is taken with random weights, so that neither hue nor chroma tells a
style. All of it is drawn from one generator of random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylecore.arrays import Bytes, Floats
from stylecore.gan.data import Pair, aligned_window, to_tensor
from stylecore.gan.networks import Generator
from stylecore.gan.references import with_short_side

SIDE = 192
"""Of a crop, in pixels."""
SCALES = (200, 320)
"""The short side to which a picture is brought before a crop is taken."""
DRAWN, BLENDED = 208, 3
"""Pixels of a side that the generator draws for an example, and of how many styles at most."""


@dataclass(frozen=True)
class Sources:
    """Style index to real pictures; pairs with a painting a style; the generator."""

    references: Mapping[int, Sequence[Bytes]]
    pairs: Sequence[Pair]
    generator: Generator

    @property
    def styles(self) -> int:
        """How many styles the generator has."""
        return self.generator.shape.styles


@dataclass(frozen=True)
class Example:
    """A crop [3, SIDE, SIDE] in [0, 1] and the weights [S] that paint like it."""

    picture: Tensor
    weights: Tensor
    exact: bool
    """Whether the generator itself drew it with these weights."""


def draw_example(sources: Sources, number: int, random: np.random.Generator) -> Example:
    """The `number`th example: sources and styles take turns."""
    style = number // 3 % sources.styles
    real = sources.references.get(style)
    if number % 3 == 2:
        return _rendered(sources, random)
    if number % 3 == 1 and real:
        picture = real[int(random.integers(len(real)))]
    else:
        picture = sources.pairs[int(random.integers(len(sources.pairs)))].paintings[style]
    return Example(_seen(picture, random), torch.eye(sources.styles)[style], exact=False)


def _rendered(sources: Sources, random: np.random.Generator) -> Example:
    """The generator's picture of a photo in a random blend."""
    weights = torch.from_numpy(_blend(sources.styles, random))
    photo, noise = draw_photos(sources.pairs, 1, DRAWN, random)
    with torch.no_grad():
        render = sources.generator(photo, weights[None], noise)
    picture = (render[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return Example(_seen(picture, random), weights, exact=True)


def draw_photos(
    pairs: Sequence[Pair], count: int, side: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Crops of photos of at most `side` pixels with their noise, [count, 3, h, w] each."""
    side = min(side, *(length // 8 * 8 for pair in pairs for length in pair.photo.shape[:2]))
    photos, fields = [], []
    for _ in range(count):
        pair = pairs[int(random.integers(len(pairs)))]
        rows, columns = aligned_window(pair.photo.shape, side, random)
        photos.append(pair.photo[rows, columns])
        fields.append(pair.noise[rows, columns].astype(np.float32))
    return to_tensor(photos), torch.from_numpy(np.stack(fields)).permute(0, 3, 1, 2)


def _blend(styles: int, random: np.random.Generator) -> Floats:
    count = int(random.integers(1, min(BLENDED, styles) + 1))
    weights = np.zeros(styles, np.float32)
    weights[random.permutation(styles)[:count]] = random.dirichlet(np.ones(count))
    return weights


def _seen(picture: Bytes, random: np.random.Generator) -> Tensor:
    """A crop at a random scale, mirrored half of the time, its channels mixed at random."""
    short = int(random.uniform(*SCALES))
    scaled = np.asarray(with_short_side(Image.fromarray(picture), short))
    top, left = (int(random.integers(side - SIDE + 1)) for side in scaled.shape[:2])
    window = scaled[top : top + SIDE, left : left + SIDE]
    if random.random() < 0.5:
        window = window[:, ::-1]
    luma = window @ random.dirichlet((3.0, 6.0, 2.0)).astype(np.float32) / 255
    curved = luma ** np.float32(np.exp(random.uniform(-0.3, 0.3)))
    return torch.from_numpy(np.repeat(curved[None].astype(np.float32), 3, axis=0))
