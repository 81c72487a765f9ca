"""The reference encoder E(picture) -> weights, the blend of styles that renders most like it.

The generator's conditional parameters are linear in its style weights, so a blend is a point in the
parameter space that it was trained in. E describes strokes and not colours: the picture in grey of
one mean and contrast passes through SqueezeNet's fixed shallow layers, and the correlations between
a few directions of each layer's channels (Gatys et al., CVPR 2016, centred and normalized as in
losses.py) are the inputs of a small head, the only part that is trained. E ignores what is
depicted, and a stroke that no style of the generator has can only be approximated.
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
"""Standard deviation of the standardized grey, and a constant that keeps plain pictures finite."""


class ReferenceEncoder(nn.Module):
    """SqueezeNet, directions and scales, all fixed, and the head that is trained."""

    def __init__(self, squeezenet: SqueezeNet, styles: int) -> None:
        super().__init__()
        self.squeezenet = squeezenet
        for layer, channels in enumerate(CHANNELS):
            self.register_buffer(f"directions{layer}", torch.zeros(channels, DIRECTIONS))
        self.register_buffer("centre", torch.zeros(STATISTICS))
        self.register_buffer("scale", torch.ones(STATISTICS))
        self.head = nn.Sequential(
            nn.Linear(STATISTICS, HIDDEN), nn.LeakyReLU(0.1), nn.Linear(HIDDEN, styles)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Map RGB [B, 3, H, W] in [0, 1], sides at least 32, to weights [B, S], a row's sum 1."""
        features: Features = self.squeezenet(standard_grey(pictures))
        return self.weights(self.statistics(features))

    def statistics(self, features: Features) -> Tensor:
        """Summarize SqueezeNet's features of standardized grey pictures, [B, STATISTICS]."""
        rows, columns = torch.triu_indices(DIRECTIONS, DIRECTIONS).unbind()
        parts = []
        for layer, part in enumerate(features):
            directions = self.get_buffer(f"directions{layer}")
            projected = torch.einsum("bchw,cd->bdhw", part, directions)
            parts.append(correlation_gram(projected)[:, rows, columns])
        return torch.cat(parts, dim=1)

    def weights(self, statistics: Tensor) -> Tensor:
        """Apply the head, [B, STATISTICS] -> [B, S]."""
        scaled = (statistics - self.get_buffer("centre")) / self.get_buffer("scale")
        logits: Tensor = self.head(scaled)
        shares: Tensor = functional.softmax(logits, dim=1)
        return shares


def standard_grey(pictures: Tensor) -> Tensor:
    """Convert to luma of mean .5 and deviation CONTRAST, three equal channels, [B, 3, H, W]."""
    grey = luminance(pictures)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    apart = grey - mean
    deviation = apart.square().mean(dim=(2, 3), keepdim=True).sqrt()
    standard = 0.5 + CONTRAST * apart / (deviation + SOFTENING)
    return standard.clamp(0, 1).expand(-1, 3, -1, -1)


def principal_directions(covariance: Tensor) -> Tensor:
    """Return the strongest eigenvectors [C, DIRECTIONS] of a covariance [C, C]."""
    vectors: Tensor = torch.linalg.eigh(covariance).eigenvectors
    return vectors[:, -DIRECTIONS:]
