"""Fits the reference encoder to a frozen generator, in two stages that take minutes on one thread.

1. On a bank of examples (reference_examples.py): cross-entropy. The fixed eye's statistics are
computed once. What the generator drew itself has exactly one answer; for real pictures and for
paintings it is a mixture of the style that they are meant to be and of the styles whose renders
have the most similar Grams (reference_nearness.py), for the two need not agree. 2. Through the
generator: for references and paintings, the render under E(reference) of another photo is to have
the reference's correlation Grams, in grey of one contrast and relative to what the photo itself
has; the cross-entropy stays beside it. The second alone would call everything the style that is
nearest to most pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stylecore.gan.losses import correlation_gram
from stylecore.gan.perceptual import Features, SqueezeNet
from stylecore.gan.reference_encoder import (
    ReferenceEncoder,
    principal_directions,
    standard_grey,
)
from stylecore.gan.reference_examples import Example, Sources, draw_example, draw_photos
from stylecore.gan.reference_nearness import near_styles, style_looks

Report = Callable[[dict[str, float]], None]


class ReferenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many examples and steps; `crop` in pixels of the photos drawn in the second stage."""

    examples: int = 1_000
    bank_steps: int = 1_500
    bank_batch: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    render_steps: int = 120
    render_batch: int = 3
    render_rate: float = 5e-4
    crop: int = 160
    nearness: float = 0.4
    """Share of nearness in the answer for a picture that the generator did not draw."""
    temperature: float = 0.02
    """Of the softmax over Gram distances."""
    known: float = 0.5
    """What the cross-entropy counts in the second stage."""
    seed: int = 7
    threads: int = 1
    report_every: int = 30


@dataclass(frozen=True)
class Bank:
    """Examples as the head sees them: statistics [N, F], weights [N, S]."""

    statistics: Tensor
    weights: Tensor


def fit_encoder(
    eye: SqueezeNet, sources: Sources, settings: ReferenceSettings, report: Report
) -> ReferenceEncoder:
    """The encoder for this generator; `report` gets the figures of every `report_every`th step."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    sources.generator.requires_grad_(requires_grad=False)
    encoder = ReferenceEncoder(eye, sources.styles)
    examples = [draw_example(sources, number, random) for number in range(settings.examples)]
    looks = style_looks(encoder.eye, sources, random)
    bank = make_bank(encoder, examples, looks, settings)
    report({"examples": float(len(examples))})
    learn_bank(encoder, bank, settings, random, report)
    learn_renders(encoder, bank, sources, settings, random, report)
    return encoder.eval()


def make_bank(
    encoder: ReferenceEncoder,
    examples: list[Example],
    looks: list[Features],
    settings: ReferenceSettings,
) -> Bank:
    """Sets the encoder's directions and scales from the examples; returns what is learnt from."""
    some = [_looked_at(encoder, example) for example in examples[:: len(examples) // 30 + 1]]
    for layer, parts in enumerate(zip(*some, strict=True)):
        mean = torch.stack([correlation_gram(part)[0] for part in parts]).mean(dim=0)
        encoder.get_buffer(f"directions{layer}").copy_(principal_directions(mean))
    statistics, weights = [], []
    for example in examples:
        features = _looked_at(encoder, example)
        statistics.append(encoder.statistics(features))
        share = 0.0 if example.exact else settings.nearness
        near = near_styles(features, looks, settings.temperature)
        weights.append((1 - share) * example.weights + share * near)
    bank = Bank(torch.cat(statistics), torch.stack(weights))
    encoder.get_buffer("centre").copy_(bank.statistics.mean(dim=0))
    encoder.get_buffer("scale").copy_(bank.statistics.std(dim=0).clamp_min(1e-5))
    return bank


def learn_bank(
    encoder: ReferenceEncoder,
    bank: Bank,
    settings: ReferenceSettings,
    random: np.random.Generator,
    report: Report,
) -> None:
    """The first stage."""
    optimiser = torch.optim.AdamW(
        encoder.head.parameters(), settings.rate, weight_decay=settings.decay
    )
    for step in range(1, settings.bank_steps + 1):
        loss = known_loss(encoder, bank, settings.bank_batch, random)
        descend(loss, optimiser)
        if step % (10 * settings.report_every) == 0:
            report({"bank_step": float(step), "known": loss.item()})


def learn_renders(
    encoder: ReferenceEncoder,
    bank: Bank,
    sources: Sources,
    settings: ReferenceSettings,
    random: np.random.Generator,
    report: Report,
) -> None:
    """The second stage."""
    optimiser = torch.optim.AdamW(
        encoder.head.parameters(), settings.render_rate, weight_decay=settings.decay
    )
    for step in range(1, settings.render_steps + 1):
        known = known_loss(encoder, bank, settings.bank_batch, random)
        stroke = stroke_loss(encoder, sources, settings, random)
        loss = stroke + settings.known * known
        descend(loss, optimiser)
        if step % settings.report_every == 0:
            report({"render_step": float(step), "known": known.item(), "stroke": stroke.item()})


def descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step down the loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def known_loss(
    encoder: ReferenceEncoder, bank: Bank, size: int, random: np.random.Generator
) -> Tensor:
    """Cross-entropy `-sum w log E` on a batch of the bank, the least possible taken off."""
    rows = torch.from_numpy(random.integers(len(bank.weights), size=size))
    found, wanted = encoder.weights(bank.statistics[rows]), bank.weights[rows]
    return functional.kl_div(found.clamp_min(1e-6).log(), wanted, reduction="batchmean")


def stroke_loss(
    encoder: ReferenceEncoder,
    sources: Sources,
    settings: ReferenceSettings,
    random: np.random.Generator,
) -> Tensor:
    """Gram distance of renders under E(reference) to the references; 1 is the photo's own."""
    numbers = random.integers(2**31, size=settings.render_batch) // 3 * 3 + 1
    examples = [draw_example(sources, int(number), random) for number in numbers]
    with torch.no_grad():
        wanted = encoder.eye(standard_grey(torch.stack([e.picture for e in examples])))
        statistics = encoder.statistics(wanted)
    photo, noise = draw_photos(sources.pairs, settings.render_batch, settings.crop, random)
    render = sources.generator(photo, encoder.weights(statistics), noise)
    with torch.no_grad():
        copied = gram_distance(encoder.eye(standard_grey(photo)), wanted)
    drawn = gram_distance(encoder.eye(standard_grey(render)), wanted)
    return (drawn / copied.clamp_min(1e-3)).mean()


def gram_distance(found: Features, wanted: Features) -> Tensor:
    """`sqrt(mean over layers |R(found) - R(wanted)|_F^2)`, [B]; R: losses.correlation_gram."""
    squares = [
        (correlation_gram(a) - correlation_gram(b)).flatten(1).square().sum(dim=1)
        for a, b in zip(found, wanted, strict=True)
    ]
    return (torch.stack(squares).mean(dim=0) + 1e-6).sqrt()


def _looked_at(encoder: ReferenceEncoder, example: Example) -> Features:
    with torch.no_grad():
        features: Features = encoder.eye(standard_grey(example.picture[None]))
    return features
