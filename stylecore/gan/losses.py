"""The terms of the generator's and the discriminator's objectives, each with formula and source.

First the terms as free functions, then the two objectives on one batch. Pictures are [B, 3, H, W]
in [0, 1], logits any shape, results scalars unless stated. Terms are returned unweighted and by
name, so that the log shows each; their weights are `TrainSettings.losses`. Networks run in bfloat16
where the settings say so; sums and Gram matrices are always 32 bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from stylecore.arrays import Bytes
from stylecore.gan.data import Batch, reference_crop, to_tensor
from stylecore.gan.networks import Discriminator
from stylecore.gan.settings import TrainSettings
from stylecore.gan.squeezenet import Features, SqueezeNet

Adversarial: TypeAlias = Literal["non-saturating", "hinge"]

LUMA = (0.299, 0.587, 0.114)
GROUND_MINIMUM = 0.94
"""Pixels of the photo whose darkest channel is above this are white ground."""


def discriminator_loss(real: Tensor, fake: Tensor, kind: Adversarial) -> Tensor:
    """Compute the loss that the discriminator minimizes, from its logits.

    Non-saturating: `-log D(x) - log(1 - D(G))` (Goodfellow et al. 2014, equation 1), with
    `-log sigmoid(a) = softplus(-a)`. Hinge: `max(0, 1 - a_real) + max(0, 1 + a_fake)` (Lim and Ye,
    "Geometric GAN", 2017).
    """
    if kind == "hinge":
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def adversarial_loss(fake: Tensor, kind: Adversarial) -> Tensor:
    """Return the generator's term: `-log D(G)` (Goodfellow et al. 2014, section 3), or `-a`."""
    return -fake.mean() if kind == "hinge" else functional.softplus(-fake).mean()


def pair_loss(render: Tensor, target: Tensor, photo: Tensor, ground: float) -> Tensor:
    """Compute the mean difference to the teacher's picture (Isola et al., "pix2pix", CVPR 2017).

    Pixels where the photo is white ground weigh `1 + ground`: a grey wash is most visible there.
    """
    white = (photo.amin(dim=1, keepdim=True) > GROUND_MINIMUM).to(render.dtype)
    return ((render - target).abs() * (1 + ground * white)).mean()


def perceptual_loss(render: Features, target: Features) -> Tensor:
    """Return the mean over layers of `|f(render) - f(target)|_1 / |f(target)|_1`.

    Feature reconstruction of Johnson et al. (ECCV 2016), each layer relative to its own size, so
    that none dominates.
    """
    terms = [
        (a.float() - b.float()).abs().mean() / b.float().abs().mean().clamp_min(1e-6)
        for a, b in zip(render, target, strict=True)
    ]
    return torch.stack(terms).mean()


def gram(features: Tensor) -> Tensor:
    """Compute `F F^T / (H W)` of each picture, [B, C, C] (Gatys et al., CVPR 2016), in 32 bit."""
    flat = features.float().flatten(2)
    return flat @ flat.mT / flat.shape[2]


def correlation_gram(features: Tensor) -> Tensor:
    """Return the channels' correlations, [B, C, C] of Frobenius norm 1.

    The Gram matrix centred (Li et al., "Universal style transfer via feature transforms", 2017) and
    divided by the channels' deviations: pattern counts, contrast and mean colour do not.
    """
    flat = features.float().flatten(2)
    covariance = gram(flat[..., None] - flat.mean(dim=2)[:, :, None, None])
    variance = covariance.diagonal(dim1=1, dim2=2)
    deviation = (variance + 0.01 * variance.mean(dim=1, keepdim=True) + 1e-6).sqrt()
    correlation = covariance / (deviation[:, :, None] * deviation[:, None, :])
    size: Tensor = correlation.flatten(1).norm(dim=1)[:, None, None]
    return correlation / size.clamp_min(1e-6)


def paired_gram_loss(render: Features, target: Features) -> Tensor:
    """Average over layers `|G(render) - G(target)|_F / |G(target)|_F` (Gatys et al., CVPR 2016).

    Statistics of the teacher's strokes, whose exact places are hard to reproduce.
    """
    terms = []
    for a, b in zip(render, target, strict=True):
        difference, size = gram(a) - gram(b), gram(b)
        norms = difference.flatten(1).norm(dim=1) / size.flatten(1).norm(dim=1).clamp_min(1e-6)
        terms.append(norms.mean())
    return torch.stack(terms).mean()


def reference_gram_loss(render: Features, references: Features, known: Tensor) -> Tensor:
    """Measure the distance of correlation Grams to the mean of the style's real references.

    `sqrt(mean over layers |R(render) - E[R(reference)]|_F^2)`, mean over the pictures whose style
    has references (`known` [B], 0 or 1). `references`: per layer [B, C, C], each picture's style's
    mean of `correlation_gram`. The evaluation measures nearness by similar statistics, so its
    figures favour a generator trained on this term: look at the pictures.
    """
    squares = [
        (correlation_gram(a) - b).flatten(1).square().sum(dim=1)
        for a, b in zip(render, references, strict=True)
    ]
    distances = (torch.stack(squares).mean(dim=0) + 1e-6).sqrt()
    return (distances * known).sum() / known.sum().clamp_min(1)


def edge_loss(render: Tensor, target: Tensor) -> Tensor:
    """Return L1 of luminance differences right and below (gradient loss, Mathieu et al. 2016)."""
    a, b = luminance(render), luminance(target)
    right = (a[..., 1:] - a[..., :-1]) - (b[..., 1:] - b[..., :-1])
    below = (a[..., 1:, :] - a[..., :-1, :]) - (b[..., 1:, :] - b[..., :-1, :])
    return right.abs().mean() + below.abs().mean()


def total_variation(render: Tensor) -> Tensor:
    """Return `mean |dx| + mean |dy|` (Rudin, Osher and Fatemi 1992, anisotropic)."""
    right = (render[..., 1:] - render[..., :-1]).abs().mean()
    return right + (render[..., 1:, :] - render[..., :-1, :]).abs().mean()


def diversity_loss(render: Tensor, other: Tensor, noise: Tensor, other_noise: Tensor) -> Tensor:
    """Return `-|G(z1) - G(z2)|_1 / |z1 - z2|_1`: mode seeking (Mao et al., CVPR 2019), negated."""
    return -(render - other).abs().mean() / (noise - other_noise).abs().mean().clamp_min(1e-6)


def luminance(pictures: Tensor) -> Tensor:
    """Return BT.601 luma, [B, 1, H, W]."""
    return (pictures * pictures.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


STYLE_SCALE = 0.55
"""Factor by which renders shrink before they are compared with references: 256 px of short side
come to about the area of 160 x 160 px, at which references of 100 x 165 px are still sharp."""
STYLE_AREA = 160 * 160


@dataclass(frozen=True)
class ReferenceGrams:
    """Per layer [S, C, C] the mean correlation Gram of a style's references.

    `known` [S] is 1 for styles that have references, else 0.
    """

    layers: Sequence[Tensor]
    known: Tensor


def reference_grams(
    squeezenet: SqueezeNet, references: Mapping[int, Sequence[Bytes]], styles: int
) -> ReferenceGrams:
    """Average over the whole reference pictures, each at STYLE_AREA pixels."""
    known = torch.zeros(styles)
    layers: list[Tensor] = []
    for style, pictures in references.items():
        known[style] = 1
        grams = [correlation_grams(squeezenet, picture) for picture in pictures]
        means = [torch.stack(layer).mean(dim=0) for layer in zip(*grams, strict=True)]
        layers = layers or [torch.zeros(styles, *mean.shape) for mean in means]
        for layer, mean in zip(layers, means, strict=True):
            layer[style] = mean
    return ReferenceGrams(layers, known)


@torch.no_grad()
def correlation_grams(squeezenet: SqueezeNet, picture: Bytes) -> list[Tensor]:
    """Compute the correlation Gram [C, C] of each layer for one picture [H, W, 3]."""
    scale = float(np.sqrt(STYLE_AREA / (picture.shape[0] * picture.shape[1])))
    size = (max(80, round(picture.shape[1] * scale)), max(80, round(picture.shape[0] * scale)))
    resized = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return [correlation_gram(layer)[0] for layer in squeezenet(to_tensor([resized]))]


def generator_terms(
    batch: Batch,
    render: Tensor,
    squeezenet: SqueezeNet,
    grams: ReferenceGrams,
    settings: TrainSettings,
) -> dict[str, Tensor]:
    """Compute all terms but adversarial and diversity; terms of weight 0 are left out."""
    weights = settings.losses

    def features(pictures: Tensor) -> Features:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            activations: Features = squeezenet(pictures)
        return activations

    terms = {"pair": pair_loss(render, batch.target, batch.photo, weights.ground)}
    if weights.edges:
        terms["edges"] = edge_loss(render, batch.target)
    if weights.total_variation:
        terms["total_variation"] = total_variation(render)
    if weights.perceptual or weights.paired_gram:
        with torch.no_grad():
            target = features(batch.target)
        drawn = features(render)
        terms["perceptual"] = perceptual_loss(drawn, target)
        terms["paired_gram"] = paired_gram_loss(drawn, target)
    known = grams.known[batch.styles]
    if weights.reference_gram and known.any():
        small = functional.interpolate(
            render, scale_factor=STYLE_SCALE, mode="bilinear", antialias=True
        )
        means = [layer[batch.styles] for layer in grams.layers]
        terms["reference_gram"] = reference_gram_loss(features(small), means, known)
    return terms


def real_pictures(
    batch: Batch,
    references: Mapping[int, Sequence[Bytes]],
    share: float,
    random: np.random.Generator,
) -> Tensor:
    """Draw the discriminator's real pictures: the teachers', a `share` of them real references."""
    real = batch.target.clone()
    for row, style in enumerate(batch.styles.tolist()):
        pictures = references.get(style)
        if pictures and random.random() < share:
            picture = pictures[int(random.integers(len(pictures)))]
            real[row] = to_tensor([reference_crop(picture, real.shape[-1], random)])[0]
    return real


def discriminator_logits(
    discriminator: Discriminator, pictures: Tensor, weights: Tensor, settings: TrainSettings
) -> Tensor:
    """Compute logits [B, 1, h, w] in 32 bit."""
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
        logits: Tensor = discriminator(pictures, weights)
    return logits.float()
