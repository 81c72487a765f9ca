"""E(picture) -> w: which blend of the generator's styles paints most like a reference picture.

The generator's conditional parameters are linear in its style weights, so a blend is a point in the
space of parameters that it was trained in. E judges strokes and not colours: it sees the picture in
grey of one mean and contrast, through SqueezeNet's fixed shallow layers (perceptual.py), as the
correlations between a few directions of each layer's channels (Gatys et al., CVPR 2016, centred and
normalised as in losses.py). Only the small head on these statistics is learnt. It does not know
what is depicted, and a stroke that no style of the generator has can only be met halfway.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.gan.losses import correlation_gram, luminance
from stylecore.gan.squeezenet import Features, SqueezeNet

CHANNELS = (96, 128, 256)
"""Of the perceptual layers."""
DIRECTIONS = 24
"""Principal directions kept of each layer's channels."""
STATISTICS = len(CHANNELS) * DIRECTIONS * (DIRECTIONS + 1) // 2
HIDDEN = 48
CONTRAST, SOFTENING = 0.2, 0.005
"""Standard deviation of the standardised grey, and what keeps plain pictures from exploding."""


class ReferenceEncoder(nn.Module):
    """The fixed eye, the fixed directions and scales, and the head that learns."""

    def __init__(self, eye: SqueezeNet, styles: int) -> None:
        super().__init__()
        self.eye = eye
        for layer, channels in enumerate(CHANNELS):
            self.register_buffer(f"directions{layer}", torch.zeros(channels, DIRECTIONS))
        self.register_buffer("centre", torch.zeros(STATISTICS))
        self.register_buffer("scale", torch.ones(STATISTICS))
        self.head = nn.Sequential(
            nn.Linear(STATISTICS, HIDDEN), nn.LeakyReLU(0.1), nn.Linear(HIDDEN, styles)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, 3, H, W] RGB in [0, 1], H and W at least 32 -> weights [B, S], each row's sum 1."""
        features: Features = self.eye(standard_grey(pictures))
        return self.weights(self.statistics(features))

    def statistics(self, features: Features) -> Tensor:
        """The eye's features of standardised grey pictures -> [B, STATISTICS]."""
        rows, columns = torch.triu_indices(DIRECTIONS, DIRECTIONS).unbind()
        parts = []
        for layer, part in enumerate(features):
            directions = self.get_buffer(f"directions{layer}")
            projected = torch.einsum("bchw,cd->bdhw", part, directions)
            parts.append(correlation_gram(projected)[:, rows, columns])
        return torch.cat(parts, dim=1)

    def weights(self, statistics: Tensor) -> Tensor:
        """[B, STATISTICS] -> [B, S]."""
        scaled = (statistics - self.get_buffer("centre")) / self.get_buffer("scale")
        logits: Tensor = self.head(scaled)
        shares: Tensor = functional.softmax(logits, dim=1)
        return shares


def standard_grey(pictures: Tensor) -> Tensor:
    """Luma of mean .5 and deviation CONTRAST as three equal channels, [B, 3, H, W]."""
    grey = luminance(pictures)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    apart = grey - mean
    deviation = apart.square().mean(dim=(2, 3), keepdim=True).sqrt()
    standard = 0.5 + CONTRAST * apart / (deviation + SOFTENING)
    return standard.clamp(0, 1).expand(-1, 3, -1, -1)


def principal_directions(covariance: Tensor) -> Tensor:
    """The strongest eigenvectors [C, DIRECTIONS] of a covariance [C, C]."""
    vectors: Tensor = torch.linalg.eigh(covariance).eigenvectors
    return vectors[:, -DIRECTIONS:]
