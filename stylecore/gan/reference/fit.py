"""What the reference encoder learns from: pictures whose place among the styles is known.

Three sources, in equal parts: real references and the teachers' paintings (one style each), and the
generator's own renders of blends of up to three styles, for which the right answer is exact. Crops
vary in scale and side; luma is taken with random weights, so that neither hue nor chroma tells a
style. All of it is drawn from one generator of random numbers.

Which styles' renders are most like a picture: a first answer, cheap, for any picture at all.

The generator draws a few photos in each style once; a picture is as near to a style as its
correlation Grams are to those renders' (losses.py), in grey of one contrast. The subject shows in
Grams too, so nearness is a hint and no judgement: most paintings of air and water come out as
watercolour or pointillism.

The bank of examples that the reference encoder's head learns from, looked at once.

What the generator drew itself has exactly one answer. For real pictures and for paintings it is a
mixture of the style that they are meant to be and of the styles whose renders have the most similar
Grams (reference_nearness.py), for the two need not agree.

Fits the reference encoder to a frozen generator, in two stages that take minutes on one thread.

1. On a bank of examples whose answers are known (reference_bank.py): cross-entropy. 2. Through the
generator: for references and paintings, the render under E(reference) of another photo is to have
the reference's correlation Grams, in grey of one contrast and relative to what the photo itself
has; the cross-entropy stays beside it. The second alone would call everything the style that is
nearest to most pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from stylecore.arrays import Bytes, Floats
from stylecore.gan.data import Pair, aligned_window, to_tensor, with_short_side
from stylecore.gan.losses import correlation_gram
from stylecore.gan.networks import Generator
from stylecore.gan.reference.network import ReferenceEncoder, principal_directions, standard_grey
from stylecore.gan.squeezenet import Features, SqueezeNet

SIDE = 192
"""Of a crop, in pixels."""
SCALES = (200, 320)
"""The short side to which a picture is brought before a crop is taken."""
DRAWN, BLENDED = 208, 3
"""Pixels of a side that the generator draws for an example, and of how many styles at most."""


@dataclass(frozen=True)
class Sources:
    """Style index to real pictures; pairs with a painting a style; the generator."""

    references: Mapping[int, Sequence[Bytes]]
    pairs: Sequence[Pair]
    generator: Generator

    @property
    def styles(self) -> int:
        """How many styles the generator has."""
        return self.generator.shape.styles


@dataclass(frozen=True)
class Example:
    """A crop [3, SIDE, SIDE] in [0, 1] and the weights [S] that paint like it."""

    picture: Tensor
    weights: Tensor
    exact: bool
    """Whether the generator itself drew it with these weights."""


def draw_example(sources: Sources, number: int, random: np.random.Generator) -> Example:
    """The `number`th example: sources and styles take turns."""
    style = number // 3 % sources.styles
    real = sources.references.get(style)
    if number % 3 == 2:
        return _rendered(sources, random)
    if number % 3 == 1 and real:
        picture = real[int(random.integers(len(real)))]
    else:
        picture = sources.pairs[int(random.integers(len(sources.pairs)))].paintings[style]
    return Example(_seen(picture, random), torch.eye(sources.styles)[style], exact=False)


def _rendered(sources: Sources, random: np.random.Generator) -> Example:
    """The generator's picture of a photo in a random blend."""
    weights = torch.from_numpy(_blend(sources.styles, random))
    photo, noise = draw_photos(sources.pairs, 1, DRAWN, random)
    with torch.no_grad():
        render = sources.generator(photo, weights[None], noise)
    picture = (render[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return Example(_seen(picture, random), weights, exact=True)


def draw_photos(
    pairs: Sequence[Pair], count: int, side: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Crops of photos of at most `side` pixels with their noise, [count, 3, h, w] each."""
    side = min(side, *(length // 8 * 8 for pair in pairs for length in pair.photo.shape[:2]))
    photos, fields = [], []
    for _ in range(count):
        pair = pairs[int(random.integers(len(pairs)))]
        rows, columns = aligned_window(pair.photo.shape, side, random)
        photos.append(pair.photo[rows, columns])
        fields.append(pair.noise[rows, columns].astype(np.float32))
    return to_tensor(photos), torch.from_numpy(np.stack(fields)).permute(0, 3, 1, 2)


def _blend(styles: int, random: np.random.Generator) -> Floats:
    count = int(random.integers(1, min(BLENDED, styles) + 1))
    weights = np.zeros(styles, np.float32)
    weights[random.permutation(styles)[:count]] = random.dirichlet(np.ones(count))
    return weights


def _seen(picture: Bytes, random: np.random.Generator) -> Tensor:
    """A crop at a random scale, mirrored half of the time, its channels mixed at random."""
    short = int(random.uniform(*SCALES))
    scaled = np.asarray(with_short_side(Image.fromarray(picture), short))
    top, left = (int(random.integers(side - SIDE + 1)) for side in scaled.shape[:2])
    window = scaled[top : top + SIDE, left : left + SIDE]
    if random.random() < 0.5:
        window = window[:, ::-1]
    luma = window @ random.dirichlet((3.0, 6.0, 2.0)).astype(np.float32) / 255
    curved = luma ** np.float32(np.exp(random.uniform(-0.3, 0.3)))
    return torch.from_numpy(np.repeat(curved[None].astype(np.float32), 3, axis=0))


RENDERS = 6
"""Photos that are drawn in each style."""


def style_looks(eye: SqueezeNet, sources: Sources, random: np.random.Generator) -> list[Features]:
    """For each style, per layer, the correlation Grams [RENDERS, C, C] of its renders."""
    looks = []
    photo, noise = draw_photos(sources.pairs, RENDERS, DRAWN, random)
    for style in range(sources.styles):
        weights = torch.eye(sources.styles)[style].expand(RENDERS, -1)
        with torch.no_grad():
            features = eye(standard_grey(sources.generator(photo, weights, noise)))
            looks.append([correlation_gram(part) for part in features])
    return looks


def near_styles(picture: Features, looks: list[Features], temperature: float) -> Tensor:
    """`softmax(-distance / temperature)` [S] of one picture's features to each style's renders."""
    found = [correlation_gram(part) for part in picture]
    distances = []
    for style in looks:
        squares = [
            (a - b).flatten(1).square().sum(dim=1) for a, b in zip(found, style, strict=True)
        ]
        distances.append(torch.stack(squares).mean(dim=0).sqrt().mean())
    return functional.softmax(-torch.stack(distances) / temperature, dim=0)


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
