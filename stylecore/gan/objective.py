"""The generator's objective on one batch, and the discriminator's.

Computed in bfloat16 where the settings say so; sums and Grams are always 32 bit. The terms come
back unweighted, by name, so that a log shows what each is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from stylecore.arrays import Bytes
from stylecore.gan import losses
from stylecore.gan.data import Batch, to_tensor
from stylecore.gan.networks import Discriminator
from stylecore.gan.perceptual import Features, SqueezeNet
from stylecore.gan.references import reference_crop
from stylecore.gan.settings import TrainSettings

STYLE_SCALE = 0.55
"""Renders are shrunk by this before they are held against references: pictures of 256 px short side
come to about the area of 160 x 160 px at which references of 100 x 165 px are still sharp."""
STYLE_AREA = 160 * 160


@dataclass(frozen=True)
class ReferenceGrams:
    """Per layer [S, C, C] the mean correlation Gram of a style's references; `known` [S]."""

    layers: Sequence[Tensor]
    known: Tensor


def reference_grams(
    eye: SqueezeNet, references: Mapping[int, Sequence[Bytes]], styles: int
) -> ReferenceGrams:
    """Means over the whole reference pictures, each at STYLE_AREA pixels."""
    known = torch.zeros(styles)
    layers: list[Tensor] = []
    for style, pictures in references.items():
        known[style] = 1
        grams = [correlation_grams(eye, picture) for picture in pictures]
        means = [torch.stack(layer).mean(dim=0) for layer in zip(*grams, strict=True)]
        layers = layers or [torch.zeros(styles, *mean.shape) for mean in means]
        for layer, mean in zip(layers, means, strict=True):
            layer[style] = mean
    return ReferenceGrams(layers, known)


@torch.no_grad()
def correlation_grams(eye: SqueezeNet, picture: Bytes) -> list[Tensor]:
    """Per layer [C, C] of one picture."""
    scale = float(np.sqrt(STYLE_AREA / (picture.shape[0] * picture.shape[1])))
    size = (max(80, round(picture.shape[1] * scale)), max(80, round(picture.shape[0] * scale)))
    resized = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return [losses.correlation_gram(layer)[0] for layer in eye(to_tensor([resized]))]


def generator_terms(
    batch: Batch, render: Tensor, eye: SqueezeNet, grams: ReferenceGrams, settings: TrainSettings
) -> dict[str, Tensor]:
    """All terms but adversarial and diversity, unweighted; those of weight 0 are left out."""
    weights = settings.losses
    terms = {"pair": losses.pair_loss(render, batch.target, batch.photo, weights.ground)}
    if weights.edges:
        terms["edges"] = losses.edge_loss(render, batch.target)
    if weights.total_variation:
        terms["total_variation"] = losses.total_variation(render)
    if weights.perceptual or weights.paired_gram:
        seen, wanted = features(eye, render, settings.bf16), target_features(eye, batch, settings)
        terms["perceptual"] = losses.perceptual_loss(seen, wanted)
        terms["paired_gram"] = losses.paired_gram_loss(seen, wanted)
    known = grams.known[batch.styles]
    if weights.reference_gram and known.any():
        small = functional.interpolate(
            render, scale_factor=STYLE_SCALE, mode="bilinear", antialias=True
        )
        means = [layer[batch.styles] for layer in grams.layers]
        seen = features(eye, small, settings.bf16)
        terms["reference_gram"] = losses.reference_gram_loss(seen, means, known)
    return terms


def features(eye: SqueezeNet, pictures: Tensor, bf16: bool) -> Features:
    """The eye's activations of the pictures."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        seen: Features = eye(pictures)
    return seen


@torch.no_grad()
def target_features(eye: SqueezeNet, batch: Batch, settings: TrainSettings) -> Features:
    """The eye's activations of the teachers' pictures."""
    return features(eye, batch.target, settings.bf16)


def real_pictures(
    batch: Batch,
    references: Mapping[int, Sequence[Bytes]],
    share: float,
    random: np.random.Generator,
) -> Tensor:
    """What the discriminator is shown as real: teachers' pictures, some real references instead."""
    real = batch.target.clone()
    for row, style in enumerate(batch.styles.tolist()):
        pictures = references.get(style)
        if pictures and random.random() < share:
            picture = pictures[int(random.integers(len(pictures)))]
            real[row] = to_tensor([reference_crop(picture, real.shape[-1], random)])[0]
    return real


def judged(
    judge: Discriminator, pictures: Tensor, weights: Tensor, settings: TrainSettings
) -> Tensor:
    """The discriminator's logits, in 32 bit."""
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
        logits: Tensor = judge(pictures, weights)
    return logits.float()
