"""One step of training: what is drawn, who learns from it, and how fast.

Discriminator and generator learn in turn. What is drawn at a step follows from seed and step alone.
When a run ends and what is kept of it is not known here.

Pictures of a run's progress: photos down, the photo and every style across.

Does the discriminator know its few references by heart? Some are kept from it, to tell.

Where it only learns what a style looks like, it takes references that it never saw for as real as
those it is shown. The gap between the two is logged while training; one that grows says that more
augmentation, or less of the adversarial term, is due.

Trains the generator: pairs in, a run folder with checkpoints, losses and picture grids out.

A run that was stopped goes on exactly where its last checkpoint stands when it is started again
with the same folder, where settings, losses, picture grids and the checkpoint lie.
What a step does is told in step.py. Nobody here knows when pictures are good: look at the grids.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylecore.arrays import Bytes
from stylecore.errors import SettingsError
from stylecore.gan import losses
from stylecore.gan.checkpoint import (
    CHECKPOINT,
    Trainee,
    load_checkpoint,
    load_onnx_generator,
    new_trainee,
    save_checkpoint,
    update_average,
)
from stylecore.gan.data import (
    Batch,
    Pair,
    draw_batch,
    load_pairs,
    load_references,
    one_hot,
    reference_crop,
    to_tensor,
)
from stylecore.gan.losses import (
    ReferenceGrams,
    generator_terms,
    judged,
    real_pictures,
    reference_grams,
)
from stylecore.gan.networks import SIZE_MULTIPLE, Discriminator, Generator
from stylecore.gan.settings import TrainSettings, encode_settings
from stylecore.gan.squeezenet import SqueezeNet, load_perceptual
from stylecore.rendering.manifest import load_manifest

WARM_UP = 100
"""Steps over which the learning rate rises."""
LAST_RATE = 0.05
"""Share of the learning rate at the last step; it falls along a cosine."""
LARGEST_GRADIENT = 2.0


@dataclass(frozen=True)
class Lessons:
    """Everything that stays the same while training."""

    pairs: Sequence[Pair]
    shown: Sequence[Pair]
    references: dict[int, list[Bytes]]
    unseen: dict[int, list[Bytes]]
    """References that nobody learns from: whether the discriminator knows the others by heart."""
    eye: SqueezeNet
    grams: ReferenceGrams


def take_step(trainee: Trainee, lessons: Lessons, settings: TrainSettings) -> dict[str, float]:
    """One update of the discriminator, if its time has come, and one of the generator."""
    random = np.random.default_rng((settings.seed, trainee.step))
    batch = draw_batch(lessons.pairs, settings.batch, settings.crop, random)
    set_rate(trainee, settings)
    render = rendered(trainee, batch, settings)
    terms = generator_terms(batch, render, lessons.eye, lessons.grams, settings)
    pull = adversarial_pull(trainee.step, settings)
    if pull > 0:
        real = real_pictures(batch, lessons.references, settings.reference_share, random)
        terms["discriminator"] = teach_discriminator(trainee, batch, real, render, settings)
        fake = judged(trainee.discriminator, render, batch.weights, settings)
        terms["adversarial"] = losses.adversarial_loss(fake, settings.adversarial)
    if settings.losses.diversity:
        other = Batch(batch.photo, batch.target, batch.noise.flip(3), batch.styles, batch.weights)
        second = rendered(trainee, other, settings)
        terms["diversity"] = losses.diversity_loss(render, second, batch.noise, other.noise)
    norm = teach_generator(trainee, weighted_sum(terms, settings, pull))
    trainee.step += 1
    update_average(trainee.average, trainee.generator, trainee.step, settings.averaging)
    figures = {name: float(term.detach()) for name, term in terms.items()}
    return {"step": trainee.step, **figures, "gradient": norm}


def rendered(trainee: Trainee, batch: Batch, settings: TrainSettings) -> Tensor:
    """The generator's pictures of a batch, 32 bit."""
    layout = torch.channels_last
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
        photo = batch.photo.contiguous(memory_format=layout)
        noise = batch.noise.contiguous(memory_format=layout)
        render: Tensor = trainee.generator(photo, batch.weights, noise)
    return render.float()


def teach_discriminator(
    trainee: Trainee, batch: Batch, real: Tensor, fake: Tensor, settings: TrainSettings
) -> Tensor:
    """One update on real pictures and the generator's; returns the loss."""
    both = torch.cat([real, fake.detach()])
    logits = judged(trainee.discriminator, both, batch.weights.repeat(2, 1), settings)
    on_real, on_fake = logits.chunk(2)
    loss = losses.discriminator_loss(on_real, on_fake, settings.adversarial)
    trainee.discriminator_optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    trainee.discriminator_optimiser.step()
    return loss.detach()


def teach_generator(trainee: Trainee, loss: Tensor) -> float:
    """One update; returns the gradient's norm before clipping."""
    trainee.generator_optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    parameters = trainee.generator.parameters()
    norm = torch.nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
    trainee.generator_optimiser.step()
    return float(norm)


def weighted_sum(terms: dict[str, Tensor], settings: TrainSettings, pull: float) -> Tensor:
    """The generator's objective; the adversarial term is scaled by `pull`."""
    weights = {**msgspec.structs.asdict(settings.losses), "discriminator": 0.0}
    weights["adversarial"] *= pull
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def adversarial_pull(step: int, settings: TrainSettings) -> float:
    """0 before `adversarial_from` and between its turns, growing to 1 over `adversarial_ramp`."""
    its_turn = step % settings.adversarial_every == 0
    if not (settings.losses.adversarial and its_turn) or step < settings.adversarial_from:
        return 0.0
    return min(1.0, (step - settings.adversarial_from + 1) / max(1, settings.adversarial_ramp))


def set_rate(trainee: Trainee, settings: TrainSettings) -> None:
    """Warm up, then fall along a cosine; the style tables keep their ten times higher rate."""
    done = trainee.step / settings.steps
    share = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))
    share *= min(1.0, (trainee.step + 1) / WARM_UP)
    for group, factor in zip(trainee.generator_optimiser.param_groups, (1, 10), strict=True):
        group["lr"] = settings.rate * factor * share


GAP = 4


@torch.no_grad()
def render_pair(generator: Generator, pair: Pair) -> list[Bytes]:
    """The photo and its render in each style, all cut to multiples of SIZE_MULTIPLE."""
    height, width = (side // SIZE_MULTIPLE * SIZE_MULTIPLE for side in pair.photo.shape[:2])
    photo = to_tensor([pair.whitened[:height, :width]])
    noise = torch.from_numpy(pair.noise[:height, :width].astype(np.float32))
    field = noise.permute(2, 0, 1)[None].contiguous()
    count = generator.shape.styles
    renders = [generator(photo, one_hot([style], count), field)[0] for style in range(count)]
    pictures = [np.rint(render.permute(1, 2, 0).numpy() * 255) for render in renders]
    return [pair.photo[:height, :width], *(picture.astype(np.uint8) for picture in pictures)]


def progress_grid(generator: Generator, pairs: Sequence[Pair]) -> Image.Image:
    """Each pair's photo and renders in one row, the teachers' paintings in the row below."""
    rows = []
    for pair in pairs:
        renders = render_pair(generator, pair)
        height, width = renders[0].shape[:2]
        paintings = [painting[:height, :width] for painting in pair.paintings]
        rows += [renders, [renders[0], *paintings]]
    return tiled(rows)


def tiled(rows: Sequence[Sequence[Bytes]]) -> Image.Image:
    """Pictures in rows on grey; every picture in a row has one size."""
    widest = max(sum(picture.shape[1] + GAP for picture in row) for row in rows)
    sheet = Image.new("RGB", (widest, sum(row[0].shape[0] + GAP for row in rows)), "#c0c0c0")
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            sheet.paste(Image.fromarray(picture), (left, top))
            left += picture.shape[1] + GAP
        top += row[0].shape[0] + GAP
    return sheet


References = Mapping[int, Sequence[Bytes]]

FEWEST = 5
"""References of a style from which one is kept back; fewer are needed whole."""
CROPS = 4
"""Of each picture that is judged."""


def kept_back(references: References) -> tuple[dict[int, list[Bytes]], dict[int, list[Bytes]]]:
    """The references to teach with, and one of each style that has enough of them."""
    taught = {style: list(pictures) for style, pictures in references.items()}
    unseen = {style: [some.pop()] for style, some in taught.items() if len(some) >= FEWEST}
    return taught, unseen


@torch.no_grad()
def memorising_gap(
    discriminator: Discriminator,
    taught: References,
    unseen: References,
    settings: TrainSettings,
    random: np.random.Generator,
) -> float:
    """Mean logit of references that were shown less that of those that were not; about 0 at best.

    Raises ValueError where nothing was kept back.
    """
    if not unseen:
        raise ValueError("no references were kept back")
    gaps = [
        _logit(discriminator, taught[style][0], style, settings, random)
        - _logit(discriminator, pictures[0], style, settings, random)
        for style, pictures in unseen.items()
    ]
    return float(np.mean(gaps))


def _logit(
    discriminator: Discriminator,
    picture: Bytes,
    style: int,
    settings: TrainSettings,
    random: np.random.Generator,
) -> float:
    crops = to_tensor([reference_crop(picture, settings.crop, random) for _ in range(CROPS)])
    weights = torch.zeros(CROPS, settings.shape.styles)
    weights[:, style] = 1.0
    return float(judged(discriminator, crops, weights, settings).mean())


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
