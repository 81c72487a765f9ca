"""The generator's building blocks: convolutions whose scale and shift come from the style.

After every convolution stands a conditional affine, FiLM (Perez et al., "FiLM: visual reasoning
with a general conditioning layer", AAAI 2018): scale and shift are `weights @ table`, so that every
picture of a batch has its own style and a blend is a weighted sum. Edges are reflected, so that no
frame is painted. How the blocks are put together is not known here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

RESIDUAL_SCALE = 0.4
SLOPE = 0.1


class ConditionalAffine(nn.Module):
    """FiLM: `features * (1 + weights @ scale) + weights @ shift`."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale_table = nn.Parameter(torch.randn(styles, channels) * 0.02)
        self.shift_table = nn.Parameter(torch.randn(styles, channels) * 0.02)

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        """[B, C, H, W] and [B, S] -> [B, C, H, W]."""
        scale = 1 + weights @ self.scale_table
        shift = weights @ self.shift_table
        return features * scale[:, :, None, None] + shift[:, :, None, None]


class ConditionalConvolution(nn.Module):
    """Convolution with reflected edges, then FiLM; the shift stands in for a bias."""

    def __init__(
        self, styles: int, source: int, target: int, kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(source, target, kernel, stride, bias=False)
        nn.init.kaiming_normal_(self.convolution.weight, a=SLOPE)
        self.affine = ConditionalAffine(styles, target)
        self.padding = (kernel - 1) // 2

    def forward(self, features: Tensor, weights: Tensor, added: Tensor | None = None) -> Tensor:
        """[B, source, H, W] -> [B, target, H / stride, W / stride], before the activation.

        `added`, of the target's shape, joins between the convolution and its FiLM.
        """
        if self.padding:
            features = functional.pad(features, [self.padding] * 4, mode="reflect")
        convolved = self.convolution(features)
        affine: Tensor = self.affine(convolved if added is None else convolved + added, weights)
        return affine


class ResidualBlock(nn.Module):
    """`x + 0.4 * conv(activate(conv(x)))`, each convolution with its FiLM."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.first = ConditionalConvolution(styles, channels, channels)
        self.second = ConditionalConvolution(styles, channels, channels)

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        inner: Tensor = self.second(activate(self.first(features, weights)), weights)
        return features + RESIDUAL_SCALE * inner


def residual_blocks(styles: int, channels: int, count: int) -> nn.ModuleList:
    """`count` residual blocks in a row."""
    return nn.ModuleList(ResidualBlock(styles, channels) for _ in range(count))


def normalised(layer: nn.Module) -> nn.Module:
    """The layer with its weight divided by its largest singular value."""
    return nn.utils.parametrizations.spectral_norm(layer)


def coarse_noise_layer(channels: int) -> nn.Module:
    """5 x 5 convolution of pooled noise, zero at first.

    Blooms and swirls follow the noise smoothed over dozens of pixels. Strided convolutions would
    have to carry that small mean through all that is fine.
    """
    layer = nn.Conv2d(3, channels, 5, padding=2, padding_mode="reflect", bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def pooled(noise: Tensor, factor: int) -> Tensor:
    """Means of `factor` x `factor` pixels, brought back to variance 1."""
    return functional.avg_pool2d(noise, factor) * factor


def activate(features: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.1."""
    return functional.leaky_relu(features, SLOPE)


def doubled(features: Tensor) -> Tensor:
    """Twice the height and width, bilinear."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
