"""Trains the matte network: photos with mattes in, a run's folder with losses and checkpoint out.

Small views come first, which is fast, and larger ones later, whose edges are fine. What is kept is
the moving average of the weights. The encoder starts from the convolutions of the feature network
that ships, which know the same photos' textures and shapes.
"""

from __future__ import annotations

import copy
import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.gan.matte.data import MatteData, draw_batch, load_training_data
from stylecore.gan.matte.network import SIDE_OUTPUTS, MatteNetwork, MatteShape
from stylecore.gan.training import (
    Report,
    append_losses,
    descend,
    drop_losses_after,
    load_state,
    run_steps,
    save_state,
    update_average,
    write_settings,
)
from stylecore.rendering.features import load_features_manifest

CHECKPOINT = "matte.pt"
SAVE_EVERY = 250
WARM_UP = 150
AVERAGED = 0.998
"""Share of the moving average of the weights that each step keeps."""
SIDE_WEIGHT, IOU_WEIGHT, EDGE_WEIGHT = 0.2, 0.5, 2.0


class MatteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data lies, how long to train and at which rates.

    `photos` and `mattes` hold the same paths, .jpg and .png; so do `rendered` and `alphas`.
    `grounds` holds pictures in folders. `sides`: short side in px of the views, with the share of
    the steps up to which it holds.
    """

    photos: Path
    mattes: Path
    run: Path
    features: Path | None = None
    rendered: Path | None = None
    alphas: Path | None = None
    grounds: Path | None = None
    steps: int = 7_000
    batch: int = 12
    sides: tuple[tuple[float, int], ...] = ((0.5, 128), (0.9, 192), (1.0, 256))
    rate: float = 3e-3
    decay: float = 0.02
    seed: int = 7
    threads: int = 1
    bf16: bool = True
    log_every: int = 25
    shape: MatteShape = MatteShape()


def train_matte(settings: MatteSettings, report: Report) -> Path:
    """Train a matte network; returns its checkpoint. `report` gets the figures now and then.

    Raises SettingsError for data that is missing.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    write_settings(settings.run, settings)
    data = load_training_data(
        settings.photos, settings.mattes, settings.rendered, settings.alphas, settings.grounds
    )
    network = MatteNetwork(settings.shape)
    random = np.random.default_rng(settings.seed)
    if settings.features is not None:
        start_from_features(network, settings.features, draw_batch(data, 32, 128, random)[0])
    return fit(network, data, settings, random, report)


def fit(
    network: MatteNetwork,
    data: MatteData,
    settings: MatteSettings,
    random: np.random.Generator,
    report: Report,
) -> Path:
    """Take the steps that a run still lacks; returns its checkpoint."""
    began = time.perf_counter()
    drawing = ThreadPoolExecutor(1, "views")
    network = network.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    checkpoint = settings.run / CHECKPOINT
    parts: dict[str, Any] = {"training": network, "network": averaged, "optimiser": optimiser}
    first, spent = 0, 0.0
    if checkpoint.is_file():
        state = load_state(checkpoint)
        first, spent = state["step"], state["seconds"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
        random = np.random.default_rng([settings.seed, first])
    drop_losses_after(settings.run, first)
    network.train()

    def draw(step: int) -> Future[tuple[Tensor, Tensor]]:
        side = side_of(min(step, settings.steps - 1), settings)
        return drawing.submit(draw_batch, data, settings.batch, side, random)

    batches = deque([draw(first), draw(first + 1)])

    def take_step(step: int) -> dict[str, float]:
        pictures, alpha = batches.popleft().result()
        batches.append(draw(step + 2))
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            outputs = network(pictures.to(memory_format=torch.channels_last))
        terms = losses_of(outputs, alpha)
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, settings)
        descend(optimiser, torch.stack(list(terms.values())).sum(), network.parameters())
        update_average(averaged, network, step, AVERAGED)
        return {"step": step + 1.0} | {name: term.item() for name, term in terms.items()}

    def after_step(done: int) -> None:
        if done % SAVE_EVERY == 0 or done == settings.steps:
            state: dict[str, object] = {name: part.state_dict() for name, part in parts.items()}
            state |= {
                "step": done,
                "seconds": round(spent + time.perf_counter() - began, 1),
                "photos": len(data.photos),
                "rendered": len(data.rendered),
            }
            save_state(state, checkpoint)

    def log(figures: dict[str, float]) -> None:
        append_losses(settings.run, figures)
        report(figures)

    with drawing:
        run_steps(range(first, settings.steps), take_step, settings.log_every, log, after_step)
    return checkpoint


def side_of(step: int, settings: MatteSettings) -> int:
    """Short side in px of the views of a step."""
    return next(side for share, side in settings.sides if step < share * settings.steps)


def rate_at(step: int, settings: MatteSettings) -> float:
    """Learning rate of a step: a linear warm-up, then down along a cosine."""
    cosine = 0.5 + 0.5 * math.cos(math.pi * step / settings.steps)
    return settings.rate * min(1.0, (step + 1) / WARM_UP) * cosine


def losses_of(outputs: list[Tensor], alpha: Tensor) -> dict[str, Tensor]:
    """Weighted terms: cross entropy, doubled beside the edge, soft IoU, and the side outputs."""
    logits = outputs[0].float()
    near = functional.max_pool2d(alpha, 7, 1, 3) + functional.max_pool2d(-alpha, 7, 1, 3)
    entropy = functional.binary_cross_entropy_with_logits(
        logits, alpha, weight=1 + EDGE_WEIGHT * near
    )
    found = torch.sigmoid(logits)
    shared = (found * alpha).sum(dim=(1, 2, 3))
    joined = (found + alpha - found * alpha).sum(dim=(1, 2, 3))
    filled = (alpha.sum(dim=(1, 2, 3)) > 0).float()
    overlap = (filled * (1 - (shared + 1) / (joined + 1))).mean()
    sides = [
        functional.binary_cross_entropy_with_logits(
            output.float(), functional.avg_pool2d(alpha, reduction)
        )
        for output, reduction in zip(outputs[1:], SIDE_OUTPUTS, strict=True)
    ]
    return {
        "entropy": entropy,
        "overlap": IOU_WEIGHT * overlap,
        "sides": SIDE_WEIGHT * torch.stack(sides).sum(),
    }


@torch.no_grad()
def start_from_features(network: MatteNetwork, folder: Path, pictures: Tensor) -> None:
    """Copy the feature network's convolutions into the encoder.

    Their batch normalization is folded into weights and bias; the encoder's is set so that it
    changes nothing on `pictures`, [B, 3, H, W]. Raises SettingsError for other shapes.
    """
    file = folder / load_features_manifest(folder).file
    graph = onnx.load(file).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    folded = [
        (arrays[node.input[1]], arrays[node.input[2]])
        for node in graph.node
        if node.op_type == "Conv" and arrays[node.input[1]].shape[2:] == (3, 3)
    ]
    features = pictures * 4 - 2
    network.eval()
    remaining = iter(folded)
    for stage in list(network.stages)[:-1]:
        for part in stage.children():
            if isinstance(part, nn.Sequential):
                _start(part[0], part[1], *next(remaining), features)
            features = part(features)
    network.train()


def _start(
    convolution: nn.Module, normalization: nn.Module, weight: Floats, bias: Floats, features: Tensor
) -> None:
    if not isinstance(convolution, nn.Conv2d) or not isinstance(normalization, nn.BatchNorm2d):
        raise TypeError("a convolution with batch normalization was expected")
    if convolution.weight.shape != weight.shape:
        raise SettingsError(f"features: a convolution has the shape {weight.shape}; another fits")
    convolution.weight.copy_(torch.tensor(weight))
    seen = convolution(features)
    mean, deviation = seen.mean(dim=(0, 2, 3)), seen.std(dim=(0, 2, 3)) + 1e-3
    normalization.load_state_dict(
        {
            "running_mean": mean,
            "running_var": deviation**2,
            "weight": deviation,
            "bias": torch.tensor(bias) + mean,
            "num_batches_tracked": torch.tensor(0),
        }
    )
