"""Trains the feature network: photos in, a run folder with renders, losses and a checkpoint out.

1. The generator draws the photos, into the run folder. 2. A part of every category is set aside.
3. SqueezeNet describes the rest. 4. The network learns. 5. Temperatures are fitted on what was set
aside. A run that is started again draws no picture twice and learns anew: it takes minutes. Test
photos are not known here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.engine import Engine
from stylecore.features_manifest import PHOTO
from stylecore.gan.features.calibrate import fitted_temperature
from stylecore.gan.features.data import Lessons, read_lessons, split
from stylecore.gan.features.losses import class_weights
from stylecore.gan.features.networks import FeatureNetwork
from stylecore.gan.features.renders import make_renders, renders_folder, white_photo
from stylecore.gan.features.settings import FeaturesSettings, encode_settings
from stylecore.gan.features.step import Aims, draw_batch, take_step
from stylecore.gan.features.teacher import load_teacher, teacher_targets
from stylecore.imaging.contact_sheet import labelled_photos

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
