"""Fits the reference encoder to a frozen generator, in two stages that take minutes on one thread.

draw_example (crops with known weights) -> make_bank (their statistics, computed once) -> fit_head
(stage 1) -> fit_through_generator (stage 2).

Examples come from three sources, in equal parts: real references and the teachers' paintings (one
style each), and the generator's own renders of blends of up to three styles, whose weights are
exact. Crops vary in scale and side; luma is taken with random weights, so that neither hue nor
chroma indicates a style. Everything is drawn from one random generator.

Stage 1 minimizes the cross-entropy to the weights of the bank. For pictures that the generator did
not draw these are a mixture of the intended style and of the styles whose renders have the most
similar correlation Grams (losses.py) in grey of one contrast, because the two may disagree. The
subject influences Grams too, so similarity has a share and not the whole: most paintings of air and
water come out as watercolour or pointillism.

Stage 2 renders other photos under E(reference) and minimizes the distance of their correlation
Grams to the reference's, relative to the photo's own distance; the cross-entropy stays beside it,
because the distance alone would choose the style that is nearest to most pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from stylecore.gan.training import Report, descend, run_steps


class ReferenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many examples and steps; `crop` is the side in pixels of photos rendered in stage 2."""

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
    """Share of similar styles in the weights of a picture that the generator did not draw."""
    temperature: float = 0.02
    """Of the softmax over Gram distances."""
    known: float = 0.5
    """Weight of the cross-entropy in stage 2."""
    seed: int = 7
    threads: int = 1
    report_every: int = 30


def fit_encoder(
    squeezenet: SqueezeNet, sources: Sources, settings: ReferenceSettings, report: Report
) -> ReferenceEncoder:
    """Fit an encoder; `report` gets the figures of every `report_every`th step."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    sources.generator.requires_grad_(requires_grad=False)
    encoder = ReferenceEncoder(squeezenet, sources.styles)
    examples = [draw_example(sources, number, random) for number in range(settings.examples)]
    grams = style_grams(squeezenet, sources, random)
    bank = make_bank(encoder, examples, grams, settings.nearness, settings.temperature)
    report({"examples": float(len(examples))})
    fit_head(encoder, bank, settings, random, report)
    fit_through_generator(encoder, bank, sources, settings, random, report)
    return encoder.eval()


def fit_head(
    encoder: ReferenceEncoder,
    bank: Bank,
    settings: ReferenceSettings,
    random: np.random.Generator,
    report: Report,
) -> None:
    """Run stage 1, on the bank alone."""
    parameters = encoder.head.parameters()
    optimiser = torch.optim.AdamW(parameters, settings.rate, weight_decay=settings.decay)

    def take_step(step: int) -> dict[str, float]:
        loss = bank_loss(encoder, bank, settings.bank_batch, random)
        descend(optimiser, loss)
        return {"bank_step": step + 1.0, "known": loss.item()}

    run_steps(range(settings.bank_steps), take_step, 10 * settings.report_every, report)


def fit_through_generator(
    encoder: ReferenceEncoder,
    bank: Bank,
    sources: Sources,
    settings: ReferenceSettings,
    random: np.random.Generator,
    report: Report,
) -> None:
    """Run stage 2, on renders and the bank."""
    parameters = encoder.head.parameters()
    optimiser = torch.optim.AdamW(parameters, settings.render_rate, weight_decay=settings.decay)

    def take_step(step: int) -> dict[str, float]:
        known = bank_loss(encoder, bank, settings.bank_batch, random)
        stroke = stroke_loss(encoder, sources, settings, random)
        descend(optimiser, stroke + settings.known * known)
        return {"render_step": step + 1.0, "known": known.item(), "stroke": stroke.item()}

    run_steps(range(settings.render_steps), take_step, settings.report_every, report)


SIDE = 192
"""Of a crop, in pixels."""
SCALES = (200, 320)
"""Range of the short side to which a picture is resized before it is cropped."""
DRAWN, BLENDED = 208, 3
"""Side in pixels of an example's render, and its largest number of styles."""


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
    """A crop [3, SIDE, SIDE] in [0, 1] and the weights [S] that render like it."""

    picture: Tensor
    weights: Tensor
    exact: bool
    """Whether the generator itself drew it with these weights."""


def draw_example(sources: Sources, number: int, random: np.random.Generator) -> Example:
    """Draw the `number`th example, sources and styles in rotation."""
    style = number // 3 % sources.styles
    real = sources.references.get(style)
    if number % 3 == 2:
        return _rendered(sources, random)
    if number % 3 == 1 and real:
        picture = real[int(random.integers(len(real)))]
    else:
        picture = sources.pairs[int(random.integers(len(sources.pairs)))].paintings[style]
    return Example(_augmented(picture, random), torch.eye(sources.styles)[style], exact=False)


def _rendered(sources: Sources, random: np.random.Generator) -> Example:
    """Render a photo in a random blend."""
    weights = torch.from_numpy(_blend(sources.styles, random))
    photo, noise = draw_photos(sources.pairs, 1, DRAWN, random)
    with torch.no_grad():
        render = sources.generator(photo, weights[None], noise)
    picture = (render[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return Example(_augmented(picture, random), weights, exact=True)


def draw_photos(
    pairs: Sequence[Pair], count: int, side: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw crops of photos of at most `side` pixels with their noise, [count, 3, h, w] each."""
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


def _augmented(picture: Bytes, random: np.random.Generator) -> Tensor:
    """Crop at a random scale, mirror half of the time, mix channels at random: [3, SIDE, SIDE]."""
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
"""Photos that are rendered in each style."""


def style_grams(
    squeezenet: SqueezeNet, sources: Sources, random: np.random.Generator
) -> list[Features]:
    """Compute the correlation Grams [RENDERS, C, C] of each style's renders, per layer."""
    grams = []
    photo, noise = draw_photos(sources.pairs, RENDERS, DRAWN, random)
    for style in range(sources.styles):
        weights = torch.eye(sources.styles)[style].expand(RENDERS, -1)
        with torch.no_grad():
            features = squeezenet(standard_grey(sources.generator(photo, weights, noise)))
            grams.append([correlation_gram(part) for part in features])
    return grams


def similar_styles(picture: Features, grams: list[Features], temperature: float) -> Tensor:
    """Return `softmax(-distance / temperature)` [S] of the Gram distances to styles' renders."""
    found = [correlation_gram(part) for part in picture]
    distances = []
    for style in grams:
        squares = [
            (a - b).flatten(1).square().sum(dim=1) for a, b in zip(found, style, strict=True)
        ]
        distances.append(torch.stack(squares).mean(dim=0).sqrt().mean())
    return functional.softmax(-torch.stack(distances) / temperature, dim=0)


@dataclass(frozen=True)
class Bank:
    """The head's inputs and targets: statistics [N, F], weights [N, S]."""

    statistics: Tensor
    weights: Tensor


def make_bank(
    encoder: ReferenceEncoder,
    examples: list[Example],
    grams: list[Features],
    nearness: float,
    temperature: float,
) -> Bank:
    """Set the encoder's directions and scales from the examples; returns inputs and targets.

    `nearness` is the share of `similar_styles`, at that `temperature`, in the targets.
    """
    some = [_features_of(encoder, example) for example in examples[:: len(examples) // 30 + 1]]
    for layer, parts in enumerate(zip(*some, strict=True)):
        mean = torch.stack([correlation_gram(part)[0] for part in parts]).mean(dim=0)
        encoder.get_buffer(f"directions{layer}").copy_(principal_directions(mean))
    statistics, weights = [], []
    for example in examples:
        features = _features_of(encoder, example)
        statistics.append(encoder.statistics(features))
        share = 0.0 if example.exact else nearness
        near = similar_styles(features, grams, temperature)
        weights.append((1 - share) * example.weights + share * near)
    bank = Bank(torch.cat(statistics), torch.stack(weights))
    encoder.get_buffer("centre").copy_(bank.statistics.mean(dim=0))
    encoder.get_buffer("scale").copy_(bank.statistics.std(dim=0).clamp_min(1e-5))
    return bank


def bank_loss(
    encoder: ReferenceEncoder, bank: Bank, size: int, random: np.random.Generator
) -> Tensor:
    """Compute the Kullback-Leibler divergence `sum w log(w / E)` on a batch of the bank."""
    rows = torch.from_numpy(random.integers(len(bank.weights), size=size))
    found, wanted = encoder.weights(bank.statistics[rows]), bank.weights[rows]
    return functional.kl_div(found.clamp_min(1e-6).log(), wanted, reduction="batchmean")


def _features_of(encoder: ReferenceEncoder, example: Example) -> Features:
    with torch.no_grad():
        features: Features = encoder.squeezenet(standard_grey(example.picture[None]))
    return features


def stroke_loss(
    encoder: ReferenceEncoder,
    sources: Sources,
    settings: ReferenceSettings,
    random: np.random.Generator,
) -> Tensor:
    """Return the Gram distance of renders by E(reference) to references, over the photo's own."""
    numbers = random.integers(2**31, size=settings.render_batch) // 3 * 3 + 1
    examples = [draw_example(sources, int(number), random) for number in numbers]
    with torch.no_grad():
        wanted = encoder.squeezenet(standard_grey(torch.stack([e.picture for e in examples])))
        statistics = encoder.statistics(wanted)
    photo, noise = draw_photos(sources.pairs, settings.render_batch, settings.crop, random)
    render = sources.generator(photo, encoder.weights(statistics), noise)
    with torch.no_grad():
        copied = gram_distance(encoder.squeezenet(standard_grey(photo)), wanted)
    drawn = gram_distance(encoder.squeezenet(standard_grey(render)), wanted)
    return (drawn / copied.clamp_min(1e-3)).mean()


def gram_distance(found: Features, wanted: Features) -> Tensor:
    """Return `sqrt(mean over layers |R(found) - R(wanted)|_F^2)`, [B]; R: correlation_gram."""
    squares = [
        (correlation_gram(a) - correlation_gram(b)).flatten(1).square().sum(dim=1)
        for a, b in zip(found, wanted, strict=True)
    ]
    return (torch.stack(squares).mean(dim=0) + 1e-6).sqrt()
