"""The matte network: a U-shaped stack of convolutions from a photo to the product's alpha.

The encoder is that of the feature network (stylecore/gan/features/network.py) and can start from
its weights; one stage more sees the whole photo, and its mean joins every place, because what is
the product and what is the table shows only at that scale. The decoder adds the finer maps back
and ends at half size with four outputs a place, which are the pixels of the full size.
"""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.gan.features.network import convolution

SIZE_MULTIPLE = 32
"""Height and width of the network's input are multiples of this, in pixels."""
SIDE_OUTPUTS = (8, 16, 32)
"""Reductions at which training compares the decoder's maps with the matte as well."""


class MatteShape(msgspec.Struct, frozen=True, kw_only=True):
    """Channels of the encoder's stages at 1/2 to 1/32 of the sides, and of the decoder's."""

    encoder: tuple[int, int, int, int] = (24, 48, 96, 160)
    whole: int = 192
    decoder: tuple[int, int, int, int] = (16, 32, 64, 96)
    """At 1/2, 1/4, 1/8 and 1/16."""


class MatteNetwork(nn.Module):
    """[B, 3, H, W] in [0, 1] -> logits of alpha, [B, 1, H, W] and side outputs."""

    def __init__(self, shape: MatteShape) -> None:
        super().__init__()
        first, second, third, fourth = shape.encoder
        half, quarter, eighth, sixteenth = shape.decoder
        self.stages = nn.ModuleList(
            [
                nn.Sequential(convolution(3, first, stride=2), convolution(first, first)),
                *(
                    nn.Sequential(
                        nn.MaxPool2d(2), convolution(source, target), convolution(target, target)
                    )
                    for source, target in (
                        (first, second),
                        (second, third),
                        (third, fourth),
                        (fourth, shape.whole),
                    )
                ),
            ]
        )
        self.mean = nn.Conv2d(shape.whole, shape.whole, 1)
        self.widen = nn.ModuleList(
            nn.Conv2d(source, target, 1)
            for source, target in (
                (shape.whole, sixteenth),
                (sixteenth, eighth),
                (eighth, quarter),
                (quarter, half),
            )
        )
        self.beside = nn.ModuleList(
            nn.Conv2d(source, target, 1)
            for source, target in (
                (fourth, sixteenth),
                (third, eighth),
                (second, quarter),
                (first, half),
            )
        )
        self.joined = nn.ModuleList(
            convolution(width, width) for width in (sixteenth, eighth, quarter, half)
        )
        self.sides = nn.ModuleList(
            nn.Conv2d(width, 1, 1) for width in (eighth, sixteenth, shape.whole)
        )
        self.head = nn.Conv2d(half, 4, 3, padding=1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the logits at full size and at 1/8, 1/16 and 1/32, each [B, 1, h, w]."""
        features, seen = pictures * 4 - 2, []
        for stage in self.stages:
            features = stage(features)
            seen.append(features)
        *finer, whole = seen
        deeper = whole + self.mean(whole.mean(dim=(2, 3), keepdim=True))
        maps = [deeper]
        for features, widen, beside, joined in zip(
            finer[::-1], self.widen, self.beside, self.joined, strict=True
        ):
            raised = functional.interpolate(
                widen(deeper), size=features.shape[2:], mode="bilinear", align_corners=False
            )
            deeper = joined(functional.relu(raised + beside(features)))
            maps.append(deeper)
        full = functional.pixel_shuffle(self.head(deeper), 2)
        coarse = [side(part) for side, part in zip(self.sides, maps[2::-1], strict=True)]
        return [full, *coarse]


def alpha_of(network: MatteNetwork, pictures: Tensor) -> Tensor:
    """Return alpha [B, 1, H, W] in [0, 1]."""
    return torch.sigmoid(network(pictures)[0].float())
