"""One step of the feature network: a batch of views, the terms of the loss, the optimiser.

Photos, the renders of some of them and references of styles go through the network together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stylecore.gan.features import losses
from stylecore.gan.features.augment import moved_a_little, random_geometry, recoloured, views
from stylecore.gan.features.data import Lessons, draw_references
from stylecore.gan.features.networks import FeatureNetwork, Said
from stylecore.gan.features.settings import FeaturesSettings

RENDER_RECOLOURING = 0.3
"""Renders are recoloured less than photos: their colours are their style."""


@dataclass(frozen=True)
class Batch:
    """Views [P + Q + R, 3, side, side] of P photos, of renders of the first Q, of R references."""

    views: Tensor
    places: Tensor
    """[P] rows of the lessons."""
    render_styles: Tensor
    reference_styles: Tensor


@dataclass(frozen=True)
class Aims:
    """What the lessons give all steps: class weights and the teacher's activations [N, D]."""

    category_weights: Tensor
    style_weights: Tensor
    imitated: Tensor


def draw_batch(
    lessons: Lessons, places: Tensor, settings: FeaturesSettings, side: int, seed: int
) -> Batch:
    """The batch of the photos at `places`; the same for a seed."""
    random = torch.Generator().manual_seed(seed)
    pairs = min(settings.pairs, len(places))
    turn = torch.randint(lessons.renders.shape[1], (pairs,), generator=random)
    drawn = places[:pairs]
    geometry = random_geometry(len(places), random)
    pictures = lessons.photos[places]
    white = torch.rand(len(places), generator=random) < settings.white_share
    white[:pairs] = lessons.drawn_on_white[drawn]
    pictures[white] = lessons.on_white[places[white]]
    photos = views(pictures, geometry, side)
    renders = views(lessons.renders[drawn, turn], moved_a_little(geometry[:pairs], random), side)
    parts = [recoloured(photos, random), recoloured(renders, random, RENDER_RECOLOURING)]
    reference_styles = torch.zeros(0, dtype=torch.long)
    if lessons.references and settings.references:
        crops, reference_styles = draw_references(
            lessons.references, settings.references, side, np.random.default_rng(seed)
        )
        parts.append(crops.float() / 255)
    return Batch(torch.cat(parts), places, lessons.render_styles[drawn, turn], reference_styles)


def loss_terms(
    said: Said,
    guessed: Tensor,
    batch: Batch,
    lessons: Lessons,
    aims: Aims,
    settings: FeaturesSettings,
) -> dict[str, Tensor]:
    """Every term of FeatureLossWeights that has pictures; `guessed`: the teacher's activations."""
    photos, renders = len(batch.places), len(batch.render_styles)
    drawn = slice(photos, photos + renders)
    truth = lessons.categories[batch.places]
    both = torch.cat([batch.places, batch.places[:renders]])
    as_photo = torch.full((photos,), said.styles.shape[1] - 1)
    weights, smoothing = aims.category_weights, settings.smoothing
    terms = {
        "category": losses.cross_entropy(said.categories[:photos], truth, weights, smoothing),
        "render_category": losses.cross_entropy(
            said.categories[drawn], truth[:renders], weights, smoothing
        ),
        "style": losses.cross_entropy(
            said.styles[: photos + renders],
            torch.cat([as_photo, batch.render_styles]),
            aims.style_weights,
            0.0,
        ),
        "contrast": losses.pair_contrast(
            said.embedding[:renders], said.embedding[drawn], settings.contrast_temperature
        ),
        "imitation": losses.imitation(guessed[: photos + renders], aims.imitated[both]),
    }
    if len(batch.reference_styles):
        logits = said.styles[photos + renders :]
        ones = torch.ones(logits.shape[1])
        terms["reference_style"] = losses.cross_entropy(logits, batch.reference_styles, ones, 0.0)
    return terms


def take_step(
    network: FeatureNetwork,
    imitator: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    lessons: Lessons,
    aims: Aims,
    settings: FeaturesSettings,
) -> dict[str, float]:
    """Learn from a batch; returns the terms before it."""
    pictures = batch.views.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
        said = network(pictures)
    terms = loss_terms(said, imitator(said.hidden), batch, lessons, aims, settings)
    loss = weighed(terms, {n: getattr(settings.losses, n) for n in terms})
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
    return {"loss": loss.item(), **{name: term.item() for name, term in terms.items()}}


def weighed(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum of the terms, each times its weight."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()
