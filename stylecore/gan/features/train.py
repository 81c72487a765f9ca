"""The terms of the feature network's loss, as free functions.

One step of the feature network: a batch of views, the terms of the loss, the optimiser.

Photos, the renders of some of them and references of styles go through the network together.

The temperature that makes a classifier's confidence mean what it says.

Guo et al., "On calibration of modern neural networks", ICML 2017: logits are divided by one number,
chosen by the likelihood of pictures that were not learned from. It changes no decision.

What SqueezeNet 1.0 makes of a photo, as something for a small network to imitate.

1,950 photos are few; a network trained on ImageNet knows more of shapes and cloth than they tell.
Its activations are a target of the training and no part of what ships. The weights are read from a
NumPy archive and never learn (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer
parameters", 2016). perceptual.py has the shallow layers, this the deep ones.

Trains the feature network: photos in, a run folder with renders, losses and a checkpoint out.

1. The generator draws the photos, into the run folder. 2. A part of every category is set aside.
3. SqueezeNet describes the rest. 4. The network learns. 5. Temperatures are fitted on what was set
aside. A run that is started again draws no picture twice and learns anew: it takes minutes. Test
photos are not known here.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import SettingsError
from stylecore.gan.features.data import (
    Lessons,
    draw_references,
    make_renders,
    moved_a_little,
    random_geometry,
    read_lessons,
    recoloured,
    renders_folder,
    split,
    views,
    white_photo,
)
from stylecore.gan.features.network import FeatureNetwork, FeaturesSettings, Said, encode_settings
from stylecore.gan.squeezenet import MEAN_BGR, pooled
from stylecore.imaging.contact_sheet import labelled_photos
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import PHOTO


def class_weights(counts: Tensor) -> Tensor:
    """[C] numbers of pictures -> [C] weights, mean 1 over the pictures.

    One over the square root of the count: the full inverse makes the few photos of a small folder
    so loud that the large ones lose more than it wins.
    """
    weights = counts.clamp_min(1).float().rsqrt()
    return weights * counts.sum() / (weights * counts).sum()


def cross_entropy(logits: Tensor, truth: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy with class weights and label smoothing; the mean over the batch."""
    losses = functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
    return (losses * weights[truth]).mean()


def pair_contrast(photos: Tensor, renders: Tensor, temperature: float) -> Tensor:
    """InfoNCE both ways between unit [P, E] embeddings of photos and of their renders.

    A render and its source are the positive pair, all others of the batch are negatives: van den
    Oord et al., "Representation learning with contrastive predictive coding", 2018; symmetric over
    two kinds of pictures as in Radford et al., ICML 2021 (CLIP).
    """
    likeness = photos @ renders.T / temperature
    own = torch.arange(len(photos))
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2


def imitation(guessed: Tensor, targets: Tensor) -> Tensor:
    """Mean squared distance to the teacher's standardised activations.

    Romero et al., "FitNets: hints for thin deep nets", ICLR 2015.
    """
    return functional.mse_loss(guessed, targets)


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
        "category": cross_entropy(said.categories[:photos], truth, weights, smoothing),
        "render_category": cross_entropy(
            said.categories[drawn], truth[:renders], weights, smoothing
        ),
        "style": cross_entropy(
            said.styles[: photos + renders],
            torch.cat([as_photo, batch.render_styles]),
            aims.style_weights,
            0.0,
        ),
        "contrast": pair_contrast(
            said.embedding[:renders], said.embedding[drawn], settings.contrast_temperature
        ),
        "imitation": imitation(guessed[: photos + renders], aims.imitated[both]),
    }
    if len(batch.reference_styles):
        logits = said.styles[photos + renders :]
        ones = torch.ones(logits.shape[1])
        terms["reference_style"] = cross_entropy(logits, batch.reference_styles, ones, 0.0)
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


LOWEST, HIGHEST, STEPS = 0.2, 5.0, 400


def fitted_temperature(logits: Tensor, truth: Tensor) -> float:
    """The temperature of 0.2 to 5 with the smallest mean cross-entropy of [N, C] logits."""
    tried = torch.logspace(math.log10(LOWEST), math.log10(HIGHEST), STEPS)
    losses = [functional.cross_entropy(logits / t, truth).item() for t in tried]
    return float(tried[int(torch.tensor(losses).argmin())])


FIRES = tuple(f"fire{number}" for number in range(2, 10))
POOLED_AFTER = ("fire4", "fire8")
GRID = 2
BATCH = 32
Weights = dict[str, Tensor]


def load_teacher(path: Path) -> Weights:
    """The weights at `path` (.npz). Raises SettingsError where there are none."""
    if not path.is_file():
        raise SettingsError(f"perceptual: no weights at {path}; give squeezenet1_0.npz")
    with np.load(path) as archive:
        return {
            name: torch.from_numpy(archive[name].astype(np.float32))
            for name in archive.files
            if name.startswith(("conv1", *FIRES))
        }


def teacher_targets(weights: Weights, pictures: Tensor) -> Tensor:
    """[N, 3, H, W] uint8 -> [N, D], each dimension with mean 0 and deviation 1 over the pictures.

    fire9's square roots, averaged over the whole picture and over a grid of 2 x 2.
    """
    parts = []
    for batch in torch.split(pictures, BATCH):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            deep = _fire9(weights, batch.float()).float().clamp_min(0).sqrt()
        whole = deep.mean(dim=(2, 3))
        parts.append(torch.cat([whole, functional.adaptive_avg_pool2d(deep, GRID).flatten(1)], 1))
    described = torch.cat(parts)
    return (described - described.mean(0)) / described.std(0).clamp_min(1e-3)


def _fire9(weights: Weights, pixels: Tensor) -> Tensor:
    """[B, 3, H, W] RGB of 0-255 -> [B, 512, h, w]."""
    mean = torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
    centred = (pixels.flip(1) - mean).to(memory_format=torch.channels_last)
    features = pooled(functional.relu(_convolved(weights, "conv1", centred, stride=2)))
    for name in FIRES:
        squeezed = functional.relu(_convolved(weights, f"{name}/squeeze1x1", features))
        narrow = _convolved(weights, f"{name}/expand1x1", squeezed)
        wide = _convolved(weights, f"{name}/expand3x3", squeezed, padding=1)
        features = functional.relu(torch.cat([narrow, wide], dim=1))
        if name in POOLED_AFTER:
            features = pooled(features)
    return features


def _convolved(
    weights: Weights, layer: str, features: Tensor, stride: int = 1, padding: int = 0
) -> Tensor:
    weight, bias = weights[f"{layer}.w"], weights[f"{layer}.b"]
    return functional.conv2d(features, weight, bias, stride, padding)


CHECKPOINT, LOSSES = "features.pt", "losses.jsonl"
RENDERS_EVERY = 100

Report = Callable[[dict[str, float]], None]


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint tells beside the weights."""

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

    Raises SettingsError for data that is not there or does not fit, Permanent for a generator that
    is not whole.
    """
    began = time.perf_counter()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    settings.run.mkdir(parents=True, exist_ok=True)
    (settings.run / "settings.json").write_bytes(encode_settings(settings))
    teacher = load_teacher(settings.perceptual)
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
    lessons = read_lessons(
        photos, renders, categories, styles, settings.styles, settings.input_side, white
    )
    network = FeatureNetwork(settings.shape, len(categories), len(styles))
    aims = aims_of(lessons, teacher_targets(teacher, lessons.photos), len(categories), len(styles))
    learn(network, lessons, aims, torch.tensor(kept), settings, report)
    trained = Trained(
        categories=categories,
        styles=styles,
        temperatures=temperatures(network, lessons, torch.tensor(held_out), settings.input_side),
        generator=engine.manifest.version,
        photos=len(photos),
        held_out=len(held_out),
        renders=sum(map(len, renders)),
        seconds=round(time.perf_counter() - began, 1),
    )
    checkpoint = settings.run / CHECKPOINT
    torch.save(
        {"network": network.state_dict(), "trained": msgspec.to_builtins(trained)}, checkpoint
    )
    return checkpoint


def aims_of(lessons: Lessons, imitated: Tensor, categories: int, styles: int) -> Aims:
    """Class weights from the numbers of pictures; a batch's photos are one class of styles."""
    counts = torch.bincount(lessons.categories, minlength=categories)
    drawn = torch.bincount(lessons.render_styles.flatten(), minlength=styles)
    drawn[-1] = lessons.render_styles.numel()
    return Aims(class_weights(counts), class_weights(drawn), imitated)


def learn(
    network: FeatureNetwork,
    lessons: Lessons,
    aims: Aims,
    kept: Tensor,
    settings: FeaturesSettings,
    report: Report,
) -> None:
    """All steps: AdamW, its rate on one cycle (Smith, "Super-convergence", 2018)."""
    imitator = nn.Linear(settings.shape.hidden, aims.imitated.shape[1])
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(
        [*network.parameters(), *imitator.parameters()], settings.rate, weight_decay=settings.decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.steps)
    with (settings.run / LOSSES).open("w") as log:
        for step, places in zip(range(settings.steps), in_turn(kept, settings), strict=False):
            small = step < settings.small_share * settings.steps
            side = settings.small_side if small else settings.input_side
            batch = draw_batch(lessons, places, settings, side, settings.seed * 1_000_000 + step)
            figures = take_step(network, imitator, optimiser, batch, lessons, aims, settings)
            schedule.step()
            if (step + 1) % settings.log_every == 0:
                told = {"step": step + 1.0, **figures}
                log.write(
                    json.dumps({name: round(value, 5) for name, value in told.items()}) + "\n"
                )
                report(told)
    network.eval()


def in_turn(places: Tensor, settings: FeaturesSettings) -> Iterator[Tensor]:
    """Batches of places without end, every place once in each round, shuffled anew."""
    random = torch.Generator().manual_seed(settings.seed)
    size = min(settings.batch, len(places))
    while True:
        shuffled = places[torch.randperm(len(places), generator=random)]
        for start in range(0, len(places) - size + 1, size):
            yield shuffled[start : start + size]


def temperatures(
    network: FeatureNetwork, lessons: Lessons, held_out: Tensor, side: int
) -> dict[str, float]:
    """Of 'categories' on the photos held out, of 'styles' on these and their renders."""
    on_white = lessons.drawn_on_white[held_out][:, None, None, None]
    photos = torch.where(on_white, lessons.on_white[held_out], lessons.photos[held_out])
    renders = lessons.renders[held_out].flatten(0, 1)
    said = [said_of(network, pictures, side) for pictures in (photos, renders)]
    as_photo = torch.full((len(photos),), said[0][1].shape[1] - 1)
    return {
        "categories": fitted_temperature(said[0][0], lessons.categories[held_out]),
        "styles": fitted_temperature(
            torch.cat([styles for _, styles in said]),
            torch.cat([as_photo, lessons.render_styles[held_out].flatten()]),
        ),
    }


def said_of(network: FeatureNetwork, pictures: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Logits [N, C] and [N, S + 1] of uint8 pictures of any square size."""
    categories, styles = [], []
    for batch in torch.split(pictures, 64):
        small = functional.interpolate(
            batch.float() / 255, size=(side, side), mode="bilinear", antialias=True
        )
        with torch.no_grad():
            said = network(small)
        categories.append(said.categories)
        styles.append(said.styles)
    return torch.cat(categories), torch.cat(styles)
