"""Fits the reference encoder to a frozen generator, in two stages that take minutes on one thread.

1. On a bank of examples whose answers are known (reference_bank.py): cross-entropy. 2. Through the
generator: for references and paintings, the render under E(reference) of another photo is to have
the reference's correlation Grams, in grey of one contrast and relative to what the photo itself
has; the cross-entropy stays beside it. The second alone would call everything the style that is
nearest to most pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import torch
from torch import Tensor

from stylecore.gan.losses import correlation_gram
from stylecore.gan.perceptual import Features, SqueezeNet
from stylecore.gan.reference_bank import Bank, known_loss, make_bank
from stylecore.gan.reference_encoder import (
    ReferenceEncoder,
    standard_grey,
)
from stylecore.gan.reference_examples import Sources, draw_example, draw_photos
from stylecore.gan.reference_nearness import style_looks

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
    bank = make_bank(encoder, examples, looks, settings.nearness, settings.temperature)
    report({"examples": float(len(examples))})
    learn_bank(encoder, bank, settings, random, report)
    learn_renders(encoder, bank, sources, settings, random, report)
    return encoder.eval()


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
