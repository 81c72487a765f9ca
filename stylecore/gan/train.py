"""Trains the generator: pairs in, a run's folder with checkpoints, losses and picture grids out.

train -> prepare (pairs, references, SqueezeNet) -> per step: draw a batch, update the discriminator
if it is its turn, update the generator and its moving average -> log, grid, checkpoint. What a step
draws follows from seed and step alone, so a run that is started again with the same folder
continues exactly from its last checkpoint. No loss measures whether pictures are good: look at the
grids.

Some references are held out from the discriminator. It should take them for as real as those it is
shown; the difference is logged as `memorising`. When it grows, the discriminator memorizes its few
references: use more augmentation, or less of the adversarial term.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
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
    TrainingState,
    load_checkpoint,
    load_onnx_generator,
    new_state,
    save_checkpoint,
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
    discriminator_logits,
    generator_terms,
    real_pictures,
    reference_grams,
)
from stylecore.gan.networks import SIZE_MULTIPLE, Discriminator, Generator
from stylecore.gan.settings import TrainSettings
from stylecore.gan.squeezenet import SqueezeNet, load_squeezenet
from stylecore.gan.training import (
    Report,
    append_losses,
    descend,
    drop_losses_after,
    run_steps,
    update_average,
    weighted_sum,
    write_settings,
)
from stylecore.rendering.manifest import load_manifest

GRID_PHOTOS = 4
"""The last pairs of the folder are not trained on; the grids show them."""
WARM_UP = 100
"""Steps over which the learning rate rises."""
LAST_RATE = 0.05
"""Share of the learning rate at the last step; it falls along a cosine."""

References = Mapping[int, Sequence[Bytes]]
"""Style index to real pictures [H, W, 3]."""


@dataclass(frozen=True)
class TrainingData:
    """Everything that stays the same while training."""

    pairs: Sequence[Pair]
    grid_pairs: Sequence[Pair]
    references: References
    held_out: References
    squeezenet: SqueezeNet
    grams: ReferenceGrams


def train(settings: TrainSettings, style_ids: Sequence[str], report: Report) -> Path:
    """Train up to `settings.steps`, from the run's checkpoint if there is one; returns the last.

    `style_ids` are in the order of the generator's weights; `report` gets the figures of every
    `log_every`th step. Raises SettingsError for data that is missing or does not fit.
    """
    torch.set_num_threads(settings.threads)
    settings = with_styles(settings, len(style_ids))
    data = prepare(settings, style_ids)
    state = new_state(settings)
    checkpoint = settings.run / CHECKPOINT
    if checkpoint.is_file():
        load_checkpoint(checkpoint, state)
        drop_losses_after(settings.run, state.step)
    elif settings.start:
        start_from(state, settings.start, style_ids)
    write_settings(settings.run, settings)
    (settings.run / "styles.json").write_text(json.dumps(list(style_ids)))

    def take_step(_: int) -> dict[str, float]:
        began = time.perf_counter()
        figures = train_step(state, data, settings)
        return figures | {"seconds": time.perf_counter() - began}

    def log(figures: dict[str, float]) -> None:
        if data.held_out and state.step > settings.adversarial_from:
            random = np.random.default_rng((settings.seed, state.step))
            figures["memorising"] = memorising_gap(
                state.discriminator, data.references, data.held_out, settings, random
            )
        append_losses(settings.run, figures)
        report(figures)

    def keep(step: int) -> None:
        if step % settings.grid_every == 0:
            grid = progress_grid(state.average, data.grid_pairs)
            grid.save(settings.run / f"grid-{step:06d}.png")
        if step % settings.checkpoint_every == 0 or step == settings.steps:
            save_checkpoint(state, checkpoint)

    run_steps(range(state.step, settings.steps), take_step, settings.log_every, log, keep)
    return checkpoint


def with_styles(settings: TrainSettings, count: int) -> TrainSettings:
    """Set the generator's number of styles."""
    shape = msgspec.structs.replace(settings.shape, styles=count)
    return msgspec.structs.replace(settings, shape=shape)


def prepare(settings: TrainSettings, style_ids: Sequence[str]) -> TrainingData:
    """Read pairs, references and SqueezeNet."""
    pairs = load_pairs(settings.pairs, style_ids, settings.crop)
    kept = len(pairs) - min(GRID_PHOTOS, len(pairs) - 1)
    references, held_out = hold_out(load_references(settings.styles, style_ids))
    squeezenet = load_squeezenet(settings.perceptual)
    grams = reference_grams(squeezenet, references, len(style_ids))
    return TrainingData(pairs[:kept], pairs[kept:], references, held_out, squeezenet, grams)


def start_from(state: TrainingState, folder: Path, style_ids: Sequence[str]) -> None:
    """Copy the weights of a shipped generator into the generator and its average.

    Raises SettingsError where its styles or its shape are others, Permanent where it is damaged.
    """
    manifest = load_manifest(folder)
    if [style.style_id for style in manifest.styles] != list(style_ids):
        raise SettingsError(f"start: the generator in {folder} has not the styles of this run")
    known = load_onnx_generator(folder / manifest.file)
    if known.shape != state.generator.shape:
        raise SettingsError(f"start: the generator in {folder} has another shape than this run's")
    for network in (state.generator, state.average):
        network.load_state_dict(known.state_dict())


def train_step(
    state: TrainingState, data: TrainingData, settings: TrainSettings
) -> dict[str, float]:
    """Update the discriminator, if it is its turn, and the generator; returns the figures."""
    random = np.random.default_rng((settings.seed, state.step))
    batch = draw_batch(data.pairs, settings.batch, settings.crop, random)
    set_rate(state, settings)
    render = rendered(state, batch, settings)
    terms = generator_terms(batch, render, data.squeezenet, data.grams, settings)
    share = adversarial_share(state.step, settings)
    if share > 0:
        real = real_pictures(batch, data.references, settings.reference_share, random)
        terms["discriminator"] = update_discriminator(state, batch, real, render, settings)
        fake = discriminator_logits(state.discriminator, render, batch.weights, settings)
        terms["adversarial"] = losses.adversarial_loss(fake, settings.adversarial)
    if settings.losses.diversity:
        other = Batch(batch.photo, batch.target, batch.noise.flip(3), batch.styles, batch.weights)
        second = rendered(state, other, settings)
        terms["diversity"] = losses.diversity_loss(render, second, batch.noise, other.noise)
    weights = {**msgspec.structs.asdict(settings.losses), "discriminator": 0.0}
    weights["adversarial"] *= share
    loss = weighted_sum(terms, weights)
    norm = descend(state.generator_optimiser, loss, state.generator.parameters())
    state.step += 1
    update_average(state.average, state.generator, state.step, settings.averaging)
    figures = {name: float(term.detach()) for name, term in terms.items()}
    return {"step": state.step, **figures, "gradient": norm}


def set_rate(state: TrainingState, settings: TrainSettings) -> None:
    """Set the learning rate: a warm-up, then a cosine; style tables have ten times the rate."""
    done = state.step / settings.steps
    share = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))
    share *= min(1.0, (state.step + 1) / WARM_UP)
    for group, factor in zip(state.generator_optimiser.param_groups, (1, 10), strict=True):
        group["lr"] = settings.rate * factor * share


def rendered(state: TrainingState, batch: Batch, settings: TrainSettings) -> Tensor:
    """Render a batch, [B, 3, h, w] in 32 bit."""
    layout = torch.channels_last
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
        photo = batch.photo.contiguous(memory_format=layout)
        noise = batch.noise.contiguous(memory_format=layout)
        render: Tensor = state.generator(photo, batch.weights, noise)
    return render.float()


def update_discriminator(
    state: TrainingState, batch: Batch, real: Tensor, fake: Tensor, settings: TrainSettings
) -> Tensor:
    """Update the discriminator on real pictures and the generator's; returns the loss."""
    both = torch.cat([real, fake.detach()])
    weights = batch.weights.repeat(2, 1)
    logits = discriminator_logits(state.discriminator, both, weights, settings)
    on_real, on_fake = logits.chunk(2)
    loss = losses.discriminator_loss(on_real, on_fake, settings.adversarial)
    descend(state.discriminator_optimiser, loss)
    return loss.detach()


def adversarial_share(step: int, settings: TrainSettings) -> float:
    """Return the share of the adversarial weight at a step.

    0 before `adversarial_from` and between the discriminator's turns, growing to 1 over
    `adversarial_ramp` steps.
    """
    its_turn = step % settings.adversarial_every == 0
    if not (settings.losses.adversarial and its_turn) or step < settings.adversarial_from:
        return 0.0
    return min(1.0, (step - settings.adversarial_from + 1) / max(1, settings.adversarial_ramp))


FEWEST = 5
"""References of a style from which one is held out."""
CROPS = 4
"""Crops of each picture that the discriminator judges."""


def hold_out(references: References) -> tuple[References, References]:
    """Split references into those to train with and one of each style that has enough."""
    trained = {style: list(pictures) for style, pictures in references.items()}
    held_out = {style: [some.pop()] for style, some in trained.items() if len(some) >= FEWEST}
    return trained, held_out


@torch.no_grad()
def memorising_gap(
    discriminator: Discriminator,
    trained: References,
    held_out: References,
    settings: TrainSettings,
    random: np.random.Generator,
) -> float:
    """Return the mean logit of references trained with less that of held-out ones; about 0 at best.

    Raises ValueError where none were held out.
    """
    if not held_out:
        raise ValueError("no references were held out")

    def logit(picture: Bytes, style: int) -> float:
        crops = [reference_crop(picture, settings.crop, random) for _ in range(CROPS)]
        weights = one_hot([style] * CROPS, settings.shape.styles)
        return float(
            discriminator_logits(discriminator, to_tensor(crops), weights, settings).mean()
        )

    gaps = [
        logit(trained[style][0], style) - logit(pictures[0], style)
        for style, pictures in held_out.items()
    ]
    return float(np.mean(gaps))


GAP = 4
"""Pixels between the pictures of a grid."""


def progress_grid(generator: Generator, pairs: Sequence[Pair]) -> Image.Image:
    """Draw each pair's photo and renders in one row, the teachers' paintings in the row below."""
    rows = []
    for pair in pairs:
        renders = render_pair(generator, pair)
        height, width = renders[0].shape[:2]
        paintings = [painting[:height, :width] for painting in pair.paintings]
        rows += [renders, [renders[0], *paintings]]
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


@torch.no_grad()
def render_pair(generator: Generator, pair: Pair) -> list[Bytes]:
    """Render a pair's photo in each style; photo and renders, cut to multiples of SIZE_MULTIPLE."""
    height, width = (side // SIZE_MULTIPLE * SIZE_MULTIPLE for side in pair.photo.shape[:2])
    photo = to_tensor([pair.whitened[:height, :width]])
    noise = torch.from_numpy(pair.noise[:height, :width].astype(np.float32))
    field = noise.permute(2, 0, 1)[None].contiguous()
    count = generator.shape.styles
    renders = [generator(photo, one_hot([style], count), field)[0] for style in range(count)]
    pictures = [np.rint(render.permute(1, 2, 0).numpy() * 255) for render in renders]
    return [pair.photo[:height, :width], *(picture.astype(np.uint8) for picture in pictures)]
