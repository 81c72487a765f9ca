"""Which styles' renders are most like a picture: a first answer, cheap, for any picture at all.

The generator draws a few photos in each style once; a picture is as near to a style as its
correlation Grams are to those renders' (losses.py), in grey of one contrast. The subject shows in
Grams too, so nearness is a hint and no judgement: most paintings of air and water come out as
watercolour or pointillism.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stylecore.gan.losses import correlation_gram
from stylecore.gan.perceptual import Features, SqueezeNet
from stylecore.gan.reference_encoder import standard_grey
from stylecore.gan.reference_examples import DRAWN, Sources, draw_photos

RENDERS = 6
"""Photos that are drawn in each style."""


def style_looks(eye: SqueezeNet, sources: Sources, random: np.random.Generator) -> list[Features]:
    """For each style, per layer, the correlation Grams [RENDERS, C, C] of its renders."""
    looks = []
    photo, noise = draw_photos(sources.pairs, RENDERS, DRAWN, random)
    for style in range(sources.styles):
        weights = torch.eye(sources.styles)[style].expand(RENDERS, -1)
        with torch.no_grad():
            features = eye(standard_grey(sources.generator(photo, weights, noise)))
            looks.append([correlation_gram(part) for part in features])
    return looks


def near_styles(picture: Features, looks: list[Features], temperature: float) -> Tensor:
    """`softmax(-distance / temperature)` [S] of one picture's features to each style's renders."""
    found = [correlation_gram(part) for part in picture]
    distances = []
    for style in looks:
        squares = [
            (a - b).flatten(1).square().sum(dim=1) for a, b in zip(found, style, strict=True)
        ]
        distances.append(torch.stack(squares).mean(dim=0).sqrt().mean())
    return functional.softmax(-torch.stack(distances) / temperature, dim=0)
