"""Trains the generator: pairs in, a run folder with checkpoints, losses and picture grids out.

A run that was stopped goes on exactly where its last checkpoint stands when it is started again
with the same folder, where settings, losses, picture grids and the checkpoint lie.
What a step does is told in step.py. Nobody here knows when pictures are good: look at the grids.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from stylecore.errors import SettingsError
from stylecore.gan.checkpoint import (
    CHECKPOINT,
    Trainee,
    load_checkpoint,
    new_trainee,
    save_checkpoint,
)
from stylecore.gan.data import load_pairs
from stylecore.gan.grid import progress_grid
from stylecore.gan.memorising import kept_back, memorising_gap
from stylecore.gan.objective import reference_grams
from stylecore.gan.perceptual import load_perceptual
from stylecore.gan.references import load_references
from stylecore.gan.settings import TrainSettings, encode_settings
from stylecore.gan.step import Lessons, take_step
from stylecore.gan.warm_start import load_onnx_generator
from stylecore.manifest import load_manifest

LOSSES = "losses.jsonl"
GRID_PHOTOS = 4
"""The last pairs of the folder are kept from training, for the grids."""

Report = Callable[[dict[str, float]], None]


def train(settings: TrainSettings, style_ids: Sequence[str], report: Report) -> Path:
    """Train up to `settings.steps`, from the run's checkpoint if there is one; returns the last.

    `style_ids` in the order of the generator's weights; `report` gets the figures of every
    `log_every`th step. Raises SettingsError for data that is not there or does not fit.
    """
    torch.set_num_threads(settings.threads)
    settings = with_styles(settings, len(style_ids))
    lessons = prepare(settings, style_ids)
    trainee = new_trainee(settings)
    settings.run.mkdir(parents=True, exist_ok=True)
    checkpoint = settings.run / CHECKPOINT
    if settings.start and not checkpoint.is_file():
        start_from(trainee, settings.start, style_ids)
    if checkpoint.is_file():
        load_checkpoint(checkpoint, trainee)
        drop_later_records(settings.run / LOSSES, trainee.step)
    (settings.run / "settings.json").write_bytes(encode_settings(settings))
    (settings.run / "styles.json").write_text(json.dumps(list(style_ids)))
    figures: dict[str, float] = {}  # the adversary's stay from its last turn
    while trainee.step < settings.steps:
        began = time.perf_counter()
        figures |= take_step(trainee, lessons, settings)
        figures["seconds"] = time.perf_counter() - began
        keep_records(trainee, lessons, settings, figures, report)
    save_checkpoint(trainee, checkpoint)
    return checkpoint


def start_from(trainee: Trainee, folder: Path, style_ids: Sequence[str]) -> None:
    """Give generator and average the weights of a generator's folder.

    Raises SettingsError where its styles or its shape are others, Permanent where it is damaged.
    """
    manifest = load_manifest(folder)
    if [style.style_id for style in manifest.styles] != list(style_ids):
        raise SettingsError(f"start: the generator in {folder} has not the styles of this run")
    known = load_onnx_generator(folder / manifest.file)
    if known.shape != trainee.generator.shape:
        raise SettingsError(f"start: the generator in {folder} has another shape than this run's")
    for network in (trainee.generator, trainee.average):
        network.load_state_dict(known.state_dict())


def drop_later_records(file: Path, step: int) -> None:
    """Forget what was logged after the checkpoint: these steps are about to be taken again."""
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    file.write_text("".join(line for line in lines if json.loads(line)["step"] <= step))


def with_styles(settings: TrainSettings, count: int) -> TrainSettings:
    """The settings with the generator's number of styles."""
    shape = msgspec.structs.replace(settings.shape, styles=count)
    return msgspec.structs.replace(settings, shape=shape)


def prepare(settings: TrainSettings, style_ids: Sequence[str]) -> Lessons:
    """Read pairs, references and the perceptual network."""
    pairs = load_pairs(settings.pairs, style_ids, settings.crop)
    held_out = min(GRID_PHOTOS, len(pairs) - 1)
    references, unseen = kept_back(load_references(settings.styles, style_ids))
    eye = load_perceptual(settings.perceptual)
    grams = reference_grams(eye, references, len(style_ids))
    kept = len(pairs) - held_out
    return Lessons(pairs[:kept], pairs[kept:], references, unseen, eye, grams)


def keep_records(
    trainee: Trainee,
    lessons: Lessons,
    settings: TrainSettings,
    figures: dict[str, float],
    report: Report,
) -> None:
    """Losses, grids and checkpoints, each when its step has come."""
    if trainee.step % settings.log_every == 0:
        if lessons.unseen and trainee.step > settings.adversarial_from:
            figures["memorising"] = memorising_gap(
                trainee.discriminator,
                lessons.references,
                lessons.unseen,
                settings,
                np.random.default_rng((settings.seed, trainee.step)),
            )
        with (settings.run / LOSSES).open("a") as log:
            log.write(json.dumps({name: round(value, 5) for name, value in figures.items()}) + "\n")
        report(figures)
    if trainee.step % settings.grid_every == 0:
        grid = progress_grid(trainee.average, lessons.shown)
        grid.save(settings.run / f"grid-{trainee.step:06d}.png")
    if trainee.step % settings.checkpoint_every == 0:
        save_checkpoint(trainee, settings.run / CHECKPOINT)
