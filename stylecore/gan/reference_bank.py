"""The bank of examples that the reference encoder's head learns from, looked at once.

What the generator drew itself has exactly one answer. For real pictures and for paintings it is a
mixture of the style that they are meant to be and of the styles whose renders have the most similar
Grams (reference_nearness.py), for the two need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stylecore.gan.losses import correlation_gram
from stylecore.gan.perceptual import Features
from stylecore.gan.reference_encoder import (
    ReferenceEncoder,
    principal_directions,
    standard_grey,
)
from stylecore.gan.reference_examples import Example
from stylecore.gan.reference_nearness import near_styles


@dataclass(frozen=True)
class Bank:
    """Examples as the head sees them: statistics [N, F], weights [N, S]."""

    statistics: Tensor
    weights: Tensor


def make_bank(
    encoder: ReferenceEncoder,
    examples: list[Example],
    looks: list[Features],
    nearness: float,
    temperature: float,
) -> Bank:
    """Sets the encoder's directions and scales from the examples; returns what is learnt from.

    `nearness` is the share of `near_styles`, at that `temperature`, in the answers.
    """
    some = [_looked_at(encoder, example) for example in examples[:: len(examples) // 30 + 1]]
    for layer, parts in enumerate(zip(*some, strict=True)):
        mean = torch.stack([correlation_gram(part)[0] for part in parts]).mean(dim=0)
        encoder.get_buffer(f"directions{layer}").copy_(principal_directions(mean))
    statistics, weights = [], []
    for example in examples:
        features = _looked_at(encoder, example)
        statistics.append(encoder.statistics(features))
        share = 0.0 if example.exact else nearness
        near = near_styles(features, looks, temperature)
        weights.append((1 - share) * example.weights + share * near)
    bank = Bank(torch.cat(statistics), torch.stack(weights))
    encoder.get_buffer("centre").copy_(bank.statistics.mean(dim=0))
    encoder.get_buffer("scale").copy_(bank.statistics.std(dim=0).clamp_min(1e-5))
    return bank


def known_loss(
    encoder: ReferenceEncoder, bank: Bank, size: int, random: np.random.Generator
) -> Tensor:
    """Cross-entropy `-sum w log E` on a batch of the bank, the least possible taken off."""
    rows = torch.from_numpy(random.integers(len(bank.weights), size=size))
    found, wanted = encoder.weights(bank.statistics[rows]), bank.weights[rows]
    return functional.kl_div(found.clamp_min(1e-6).log(), wanted, reduction="batchmean")


def _looked_at(encoder: ReferenceEncoder, example: Example) -> Features:
    with torch.no_grad():
        features: Features = encoder.eye(standard_grey(example.picture[None]))
    return features
