"""One step of training: what is drawn, who learns from it, and how fast.

Discriminator and generator learn in turn. What is drawn at a step follows from seed and step alone.
When a run ends and what is kept of it is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor

from stylecore.arrays import Bytes
from stylecore.gan import losses
from stylecore.gan.checkpoint import Trainee, update_average
from stylecore.gan.data import Batch, Pair, draw_batch
from stylecore.gan.objective import ReferenceGrams, generator_terms, judged, real_pictures
from stylecore.gan.perceptual import SqueezeNet
from stylecore.gan.settings import TrainSettings

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
