"""The conditional generator, the projected patch discriminator and their building blocks.

The generator is a U-shaped network at half, quarter and eighth size. Every convolution is followed
by FiLM (Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018): scale
and shift are `weights @ table`, so that every picture of a batch has its own style and a blend is a
weighted sum. There is no instance normalization, which turned white ground grey. The last layer is
a 1 x 1 convolution whose kernel is blended per picture; it follows a 3 x 3 convolution at full
size, because pixel shuffle at the output leaves a checkerboard. Padding reflects the edges, so that
no frame is painted.
"""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

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
    """Make `count` residual blocks in a row."""
    return nn.ModuleList(ResidualBlock(styles, channels) for _ in range(count))


def coarse_noise_layer(channels: int) -> nn.Module:
    """Make a 5 x 5 convolution of pooled noise, initialized to zero.

    Blooms and swirls follow the noise smoothed over dozens of pixels, a small mean that strided
    convolutions hardly carry through the fine detail.
    """
    layer = nn.Conv2d(3, channels, 5, padding=2, padding_mode="reflect", bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def pooled(noise: Tensor, factor: int) -> Tensor:
    """Average noise over `factor` x `factor` pixels and restore its variance of 1."""
    return functional.avg_pool2d(noise, factor) * factor


def activate(features: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.1."""
    return functional.leaky_relu(features, SLOPE)


def doubled(features: Tensor) -> Tensor:
    """Double height and width, bilinearly."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


SIZE_MULTIPLE = 8
"""Height and width of the generator's inputs are multiples of this, in pixels."""
OVERSHOOT = 0.02
"""The output's sigmoid reaches this far past [0, 1], so that pure white has a finite logit."""


class GeneratorShape(msgspec.Struct, frozen=True):
    """Channels at full, half, quarter and eighth size; residual blocks at quarter and eighth."""

    styles: int
    full: int = 16
    half: int = 32
    quarter: int = 80
    eighth: int = 96
    blocks_quarter: int = 4
    blocks_eighth: int = 3


class Generator(nn.Module):
    """`G(photo, weights, noise) -> render`; the module's docstring describes its parts."""

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        self.shape = shape
        s = shape.styles
        self.half_in = ConditionalConvolution(s, 6, shape.half, kernel=6, stride=2)
        self.half_block_in = ResidualBlock(s, shape.half)
        self.quarter_in = ConditionalConvolution(s, shape.half, shape.quarter, stride=2)
        self.eighth_in = ConditionalConvolution(s, shape.quarter, shape.eighth, stride=2)
        self.eighth_blocks = residual_blocks(s, shape.eighth, shape.blocks_eighth)
        self.eighth_out = ConditionalConvolution(s, shape.eighth, shape.quarter, kernel=1)
        self.quarter_blocks = residual_blocks(s, shape.quarter, shape.blocks_quarter)
        self.quarter_out = ConditionalConvolution(s, shape.quarter, shape.half, kernel=1)
        self.half_block_out = ResidualBlock(s, shape.half)
        self.half_out = ConditionalConvolution(s, shape.half, shape.full, kernel=1)
        self.full_block = ConditionalConvolution(s, shape.full, shape.full)
        self.full_in = nn.Conv2d(6, shape.full, 3, bias=False)
        self.quarter_noise = coarse_noise_layer(shape.quarter)
        self.eighth_noise = coarse_noise_layer(shape.eighth)
        self.head = nn.Parameter(torch.randn(s, 3, shape.full + 3) * 0.1)
        self.head_bias = nn.Parameter(torch.zeros(s, 3))

    def forward(self, photo: Tensor, weights: Tensor, noise: Tensor) -> Tensor:
        """Render photos.

        `photo` [B, 3, H, W] in [0, 1], `weights` [B, S] with rows of sum 1, `noise` [B, 3, H, W]
        standard normal; H and W multiples of SIZE_MULTIPLE. Returns [B, 3, H, W] in [0, 1].
        """
        centred = torch.cat([photo * 2 - 1, noise * 0.5], dim=1)
        half = self.half_block_in(activate(self.half_in(centred, weights)), weights)
        quarter = activate(self.quarter_in(half, weights, self.quarter_noise(pooled(noise, 4))))
        eighth = activate(self.eighth_in(quarter, weights, self.eighth_noise(pooled(noise, 8))))
        for block in self.eighth_blocks:
            eighth = block(eighth, weights)
        quarter = quarter + doubled(self.eighth_out(eighth, weights))
        for block in self.quarter_blocks:
            quarter = block(quarter, weights)
        half = self.half_block_out(half + doubled(self.quarter_out(quarter, weights)), weights)
        sharp = self.full_in(functional.pad(centred, [1] * 4, mode="reflect"))
        full = activate(self.full_block(doubled(self.half_out(half, weights)), weights, sharp))
        return self._to_rgb(torch.cat([full, centred[:, :3]], dim=1), weights)

    def _to_rgb(self, full: Tensor, weights: Tensor) -> Tensor:
        """Apply the head's kernel, blended per picture, as one matrix product per picture."""
        batch, _, height, width = full.shape
        kernel = torch.einsum("bs,soc->boc", weights, self.head)
        logits = torch.bmm(kernel, full.flatten(2)) + (weights @ self.head_bias)[:, :, None]
        render = torch.sigmoid(logits.float()) * (1 + 2 * OVERSHOOT) - OVERSHOOT
        return clipped(render, self.training).reshape(batch, 3, height, width)


class Discriminator(nn.Module):
    """Classifies patches as real or drawn by the generator, given the style.

    Spectral normalization (Miyato et al. 2018) in every convolution; the style enters by
    projection: `D(x, s) = psi(phi(x)) + <embed(s), phi(x)>` at every patch (Miyato and Koyama,
    "cGANs with projection discriminator", ICLR 2018).
    """

    def __init__(self, styles: int, channels: int = 32) -> None:
        super().__init__()
        widths = [3, channels, 2 * channels, 4 * channels, 4 * channels]
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(source, target, 4 if stride == 2 else 3, stride, padding=1))
            for source, target, stride in zip(widths, widths[1:], (2, 2, 2, 1), strict=False)
        )
        self.score = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.embedding = spectral_norm(nn.Linear(styles, widths[-1], bias=False))

    def forward(self, pictures: Tensor, weights: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] and [B, S] -> logits [B, 1, H / 8, W / 8]."""
        features = pictures * 2 - 1
        for layer in self.layers:
            features = functional.leaky_relu(layer(features), 0.2)
        embedded = self.embedding(weights)[:, :, None, None]
        logits: Tensor = self.score(features) + (features * embedded).sum(1, keepdim=True)
        return logits


def clipped(render: Tensor, straight_through: bool) -> Tensor:
    """Clip to [0, 1]; with `straight_through` the gradient passes as if nothing were clipped."""
    bounded = render.clamp(0, 1)
    return render + (bounded - render).detach() if straight_through else bounded


def parameter_groups(generator: Generator, rate: float) -> list[dict[str, object]]:
    """Group parameters for the optimiser: the style tables learn ten times as fast as the rest."""
    tables: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in generator.named_parameters():
        (tables if name.endswith("_table") else rest).append(parameter)
    return [{"params": rest, "lr": rate}, {"params": tables, "lr": 10 * rate}]
