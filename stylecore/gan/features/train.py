"""Trains the feature network: photos in, a run's folder with renders, losses and a checkpoint out.

1. A generator renders the photos, into the run's folder. 2. A share of every category is held out.
3. SqueezeNet describes the other photos, for the network to imitate. 4. The network is trained on
batches of photos, the renders of some of them and references of styles. 5. Temperatures are fitted
on the held-out photos. A run that is started again renders no picture twice and trains from the
start, which takes minutes.

Imitation: 1,950 photos are few, and a network trained on ImageNet knows more of shapes and cloth
than they tell. SqueezeNet's activations are a target of the training and no part of what ships.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.gan.features.data import (
    TrainingData,
    draw_references,
    load_training_data,
    make_renders,
    random_geometry,
    recoloured,
    renders_folder,
    shifted,
    split,
    views,
    white_photo,
)
from stylecore.gan.features.network import FeatureNetwork, Outputs
from stylecore.gan.features.settings import FeaturesSettings
from stylecore.gan.squeezenet import SqueezeNet, load_squeezenet
from stylecore.gan.training import (
    Report,
    append_losses,
    descend,
    drop_losses_after,
    run_steps,
    save_state,
    weighted_sum,
    write_settings,
)
from stylecore.imaging.contact_sheet import labelled_photos
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import PHOTO

CHECKPOINT = "features.pt"
RENDERS_EVERY = 100
"""Photos after which the progress of rendering is reported."""


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint holds beside the weights."""

    categories: tuple[str, ...]
    styles: tuple[str, ...]
    temperatures: dict[str, float]
    generator: str
    photos: int
    held_out: int
    renders: int
    seconds: float


def train_features(settings: FeaturesSettings, report: Report) -> Path:
    """Train a feature network; returns its checkpoint. `report` gets the figures now and then.

    Raises SettingsError for data that is missing or does not fit, Permanent for a generator that
    is incomplete.
    """
    began = time.perf_counter()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    write_settings(settings.run, settings)
    squeezenet = load_squeezenet(settings.perceptual, [IMITATED])
    engine = Engine(settings.generator, provider="cpu", threads=settings.threads)
    photos = labelled_photos(settings.photos)
    categories = tuple(sorted({photo.category for photo in photos}))
    styles = (*(style.style_id for style in engine.manifest.styles), PHOTO)
    kept, held_out = split(photos, settings.held_out, np.random.default_rng(settings.seed))
    folder = renders_folder(settings.run, engine)
    renders = make_renders(
        engine,
        photos,
        folder,
        settings.renders_a_photo,
        lambda done, count: None if done % RENDERS_EVERY else report({"drawn": done, "of": count}),
    )
    white = [white_photo(photo, index, folder) for index, photo in enumerate(photos)]
    data = load_training_data(
        photos, renders, categories, styles, settings.styles, settings.input_side, white
    )
    network = FeatureNetwork(settings.shape, len(categories), len(styles))
    imitated = imitation_targets(squeezenet, data.photos)
    targets = targets_of(data, imitated, len(categories), len(styles))
    fit(network, data, targets, torch.tensor(kept), settings, report)
    trained = Trained(
        categories=categories,
        styles=styles,
        temperatures=temperatures(network, data, torch.tensor(held_out), settings.input_side),
        generator=engine.manifest.version,
        photos=len(photos),
        held_out=len(held_out),
        renders=sum(map(len, renders)),
        seconds=round(time.perf_counter() - began, 1),
    )
    checkpoint = settings.run / CHECKPOINT
    state = {"network": network.state_dict(), "trained": msgspec.to_builtins(trained)}
    save_state(state, checkpoint)
    return checkpoint


IMITATED = "fire9"
GRID = 2
TARGETS_BATCH = 32


def imitation_targets(squeezenet: SqueezeNet, pictures: Tensor) -> Tensor:
    """Describe pictures by SqueezeNet's fire9, [N, 3, H, W] uint8 -> [N, D].

    Square roots of its activations, averaged over the whole picture and over a grid of 2 x 2; each
    dimension has mean 0 and deviation 1 over the pictures.
    """
    parts = []
    for batch in torch.split(pictures, TARGETS_BATCH):
        pixels = batch.float().flip(1).to(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            (activations,) = squeezenet.of_pixels(pixels)
            deep = activations.float().clamp_min(0).sqrt()
        whole = deep.mean(dim=(2, 3))
        parts.append(torch.cat([whole, functional.adaptive_avg_pool2d(deep, GRID).flatten(1)], 1))
    described = torch.cat(parts)
    return (described - described.mean(0)) / described.std(0).clamp_min(1e-3)


@dataclass(frozen=True)
class Targets:
    """What all steps share: class weights and the imitated activations [N, D]."""

    category_weights: Tensor
    style_weights: Tensor
    imitated: Tensor


def targets_of(data: TrainingData, imitated: Tensor, categories: int, styles: int) -> Targets:
    """Weigh classes by their numbers of pictures; all photos of a batch are one class of styles."""
    counts = torch.bincount(data.categories, minlength=categories)
    drawn = torch.bincount(data.render_styles.flatten(), minlength=styles)
    drawn[-1] = data.render_styles.numel()
    return Targets(class_weights(counts), class_weights(drawn), imitated)


def fit(
    network: FeatureNetwork,
    data: TrainingData,
    targets: Targets,
    kept: Tensor,
    settings: FeaturesSettings,
    report: Report,
) -> None:
    """Train by AdamW, the rate on one cycle (Smith, "Super-convergence", 2018).

    `kept` [M] are the rows of the photos to train on.
    """
    imitator = nn.Linear(settings.shape.hidden, targets.imitated.shape[1])
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(
        [*network.parameters(), *imitator.parameters()], settings.rate, weight_decay=settings.decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.steps)
    batches = shuffled_batches(kept, settings)

    def take_step(step: int) -> dict[str, float]:
        small = step < settings.small_share * settings.steps
        side = settings.small_side if small else settings.input_side
        batch = draw_batch(data, next(batches), settings, side, settings.seed * 1_000_000 + step)
        pictures = batch.views.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            outputs = network(pictures)
        terms = loss_terms(outputs, imitator(outputs.hidden), batch, data, targets, settings)
        loss = weighted_sum(terms, msgspec.structs.asdict(settings.losses))
        descend(optimiser, loss)
        schedule.step()
        figures = {name: term.item() for name, term in terms.items()}
        return {"step": step + 1.0, "loss": loss.item(), **figures}

    def log(figures: dict[str, float]) -> None:
        append_losses(settings.run, figures)
        report(figures)

    drop_losses_after(settings.run, 0)
    run_steps(range(settings.steps), take_step, settings.log_every, log)
    network.eval()


def shuffled_batches(rows: Tensor, settings: FeaturesSettings) -> Iterator[Tensor]:
    """Yield batches of rows without end, shuffled for every round over all of them."""
    random = torch.Generator().manual_seed(settings.seed)
    size = min(settings.batch, len(rows))
    while True:
        shuffled = rows[torch.randperm(len(rows), generator=random)]
        for start in range(0, len(rows) - size + 1, size):
            yield shuffled[start : start + size]


RENDER_RECOLOURING = 0.3
"""Renders are recoloured less than photos, because their colours are part of the style."""


@dataclass(frozen=True)
class Batch:
    """Views [P + Q + R, 3, side, side] of P photos, of renders of the first Q, of R references."""

    views: Tensor
    rows: Tensor
    """[P], of the photos in the training data."""
    render_styles: Tensor
    reference_styles: Tensor


def draw_batch(
    data: TrainingData, rows: Tensor, settings: FeaturesSettings, side: int, seed: int
) -> Batch:
    """Draw the batch of the photos at `rows`; the same for a seed."""
    random = torch.Generator().manual_seed(seed)
    pairs = min(settings.pairs, len(rows))
    turn = torch.randint(data.renders.shape[1], (pairs,), generator=random)
    drawn = rows[:pairs]
    geometry = random_geometry(len(rows), random)
    pictures = data.photos[rows]
    white = torch.rand(len(rows), generator=random) < settings.white_share
    white[:pairs] = data.drawn_on_white[drawn]
    pictures[white] = data.on_white[rows[white]]
    photos = views(pictures, geometry, side)
    renders = views(data.renders[drawn, turn], shifted(geometry[:pairs], random), side)
    parts = [recoloured(photos, random), recoloured(renders, random, RENDER_RECOLOURING)]
    reference_styles = torch.zeros(0, dtype=torch.long)
    if data.references and settings.references:
        crops, reference_styles = draw_references(
            data.references, settings.references, side, np.random.default_rng(seed)
        )
        parts.append(crops.float() / 255)
    return Batch(torch.cat(parts), rows, data.render_styles[drawn, turn], reference_styles)


def loss_terms(
    outputs: Outputs,
    predicted: Tensor,
    batch: Batch,
    data: TrainingData,
    targets: Targets,
    settings: FeaturesSettings,
) -> dict[str, Tensor]:
    """Compute every term of FeatureLossWeights that has pictures.

    `predicted` [P + Q + R, D] are the imitator's activations; their loss is the mean squared
    distance to SqueezeNet's (Romero et al., "FitNets: hints for thin deep nets", ICLR 2015).
    """
    photos, renders = len(batch.rows), len(batch.render_styles)
    drawn = slice(photos, photos + renders)
    truth = data.categories[batch.rows]
    both = torch.cat([batch.rows, batch.rows[:renders]])
    as_photo = torch.full((photos,), outputs.styles.shape[1] - 1)
    weights, smoothing = targets.category_weights, settings.smoothing
    terms = {
        "category": cross_entropy(outputs.categories[:photos], truth, weights, smoothing),
        "render_category": cross_entropy(
            outputs.categories[drawn], truth[:renders], weights, smoothing
        ),
        "style": cross_entropy(
            outputs.styles[: photos + renders],
            torch.cat([as_photo, batch.render_styles]),
            targets.style_weights,
            0.0,
        ),
        "contrast": pair_contrast(
            outputs.embedding[:renders], outputs.embedding[drawn], settings.contrast_temperature
        ),
        "imitation": functional.mse_loss(predicted[: photos + renders], targets.imitated[both]),
    }
    if len(batch.reference_styles):
        logits = outputs.styles[photos + renders :]
        ones = torch.ones(logits.shape[1])
        terms["reference_style"] = cross_entropy(logits, batch.reference_styles, ones, 0.0)
    return terms


def class_weights(counts: Tensor) -> Tensor:
    """Weigh classes by their numbers of pictures [C]; the mean over the pictures is 1.

    A weight is one over the square root of the count: by the full inverse the large categories lose
    more accuracy than the small ones gain.
    """
    weights = counts.clamp_min(1).float().rsqrt()
    return weights * counts.sum() / (weights * counts).sum()


def cross_entropy(logits: Tensor, truth: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Compute the mean cross-entropy of a batch with class weights [C] and label smoothing."""
    losses = functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
    return (losses * weights[truth]).mean()


def pair_contrast(photos: Tensor, renders: Tensor, temperature: float) -> Tensor:
    """Compute InfoNCE both ways between unit [P, E] embeddings of photos and of their renders.

    A render and its source are the positive pair, all others of the batch are negatives: van den
    Oord et al., "Representation learning with contrastive predictive coding", 2018; symmetric over
    two kinds of pictures as in Radford et al., ICML 2021 (CLIP).
    """
    likeness = photos @ renders.T / temperature
    own = torch.arange(len(photos))
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2


def temperatures(
    network: FeatureNetwork, data: TrainingData, held_out: Tensor, side: int
) -> dict[str, float]:
    """Fit the temperatures: of categories on the held-out photos, of styles on renders as well."""
    on_white = data.drawn_on_white[held_out][:, None, None, None]
    photos = torch.where(on_white, data.on_white[held_out], data.photos[held_out])
    renders = data.renders[held_out].flatten(0, 1)
    found = [logits_of(network, pictures, side) for pictures in (photos, renders)]
    as_photo = torch.full((len(photos),), found[0][1].shape[1] - 1)
    return {
        "categories": fitted_temperature(found[0][0], data.categories[held_out]),
        "styles": fitted_temperature(
            torch.cat([styles for _, styles in found]),
            torch.cat([as_photo, data.render_styles[held_out].flatten()]),
        ),
    }


def logits_of(network: FeatureNetwork, pictures: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Compute logits [N, C] and [N, S + 1] of uint8 pictures [N, 3, h, w] of any size."""
    categories, styles = [], []
    for batch in torch.split(pictures, 64):
        small = functional.interpolate(
            batch.float() / 255, size=(side, side), mode="bilinear", antialias=True
        )
        with torch.no_grad():
            outputs = network(small)
        categories.append(outputs.categories)
        styles.append(outputs.styles)
    return torch.cat(categories), torch.cat(styles)


LOWEST, HIGHEST, STEPS = 0.2, 5.0, 400


def fitted_temperature(logits: Tensor, truth: Tensor) -> float:
    """Choose the temperature, 0.2 to 5, with the smallest mean cross-entropy of logits [N, C].

    Guo et al., "On calibration of modern neural networks", ICML 2017: logits are divided by one
    number, fitted on pictures that were not trained on. It changes no decision.
    """
    tried = torch.logspace(math.log10(LOWEST), math.log10(HIGHEST), STEPS)
    losses = [functional.cross_entropy(logits / t, truth).item() for t in tried]
    return float(tried[int(torch.tensor(losses).argmin())])
