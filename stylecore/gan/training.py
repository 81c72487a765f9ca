"""What the training of every network shares: the loop, the optimiser's step, the run's folder.

A run's folder holds `settings.json`, `losses.jsonl` (one line of figures per logged step) and a
checkpoint. What a step computes is the network's own: train.py, features/train.py and
reference/fit.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from stylecore.errors import SettingsError

SETTINGS, LOSSES = "settings.json", "losses.jsonl"
LARGEST_GRADIENT = 2.0

Report = Callable[[dict[str, float]], None]
"""Receives the figures of a logged step by name."""


def run_steps(
    steps: range,
    take_step: Callable[[int], dict[str, float]],
    log_every: int,
    report: Report,
    after_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Take each step; after every `log_every`th one report the figures.

    `take_step` gets the number of the step, from 0; `after_step` the number of steps done. A figure
    that a step does not compute keeps its last value.
    """
    figures: dict[str, float] = {}
    for step in steps:
        figures |= take_step(step)
        if (step + 1) % log_every == 0:
            report(dict(figures))
        after_step(step + 1)


def descend(
    optimiser: torch.optim.Optimizer, loss: Tensor, clipped: Iterable[Tensor] = ()
) -> float:
    """Take one optimiser step down the loss.

    The gradients of the parameters `clipped` are scaled to a joint norm of at most
    LARGEST_GRADIENT; returns their norm before that.
    """
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    norm = torch.nn.utils.clip_grad_norm_(clipped, LARGEST_GRADIENT)
    optimiser.step()
    return float(norm)


def update_average(average: nn.Module, trained: nn.Module, step: int, decay: float) -> None:
    """Update the exponential moving average of weights; it forgets faster in the first steps.

    Buffers, as the statistics of batch normalization, are averages already and are copied.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, new in zip(average.parameters(), trained.parameters(), strict=True):
            kept.lerp_(new, share)
        for kept_buffer, buffer in zip(average.buffers(), trained.buffers(), strict=True):
            kept_buffer.copy_(buffer)


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum the terms of an objective, each times its weight."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def write_settings(run: Path, settings: msgspec.Struct) -> None:
    """Write `settings.json` as indented JSON, paths as text; makes the run's folder."""
    run.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.encode(settings, enc_hook=str)
    (run / SETTINGS).write_bytes(msgspec.json.format(encoded, indent=2))


def append_losses(run: Path, figures: Mapping[str, float]) -> None:
    """Add one line to `losses.jsonl`."""
    with (run / LOSSES).open("a") as log:
        log.write(json.dumps({name: round(value, 5) for name, value in figures.items()}) + "\n")


def read_losses(run: Path) -> list[dict[str, float]]:
    """Read the logged figures, none where there is no log."""
    file = run / LOSSES
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def drop_losses_after(run: Path, step: int) -> None:
    """Drop the lines of later steps: a run that resumes from a checkpoint takes them again."""
    file = run / LOSSES
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    file.write_text("".join(line for line in lines if json.loads(line)["step"] <= step))


def save_state(state: Mapping[str, object], file: Path) -> None:
    """Write a checkpoint in one rename, so that a reader sees the old or the new one."""
    part = file.with_suffix(".part")
    torch.save(state, part)
    part.replace(file)


def load_state(file: Path) -> dict[str, Any]:
    """Read a checkpoint. Raises SettingsError where there is none."""
    if not file.is_file():
        raise SettingsError(f"checkpoint: there is no {file}; train first")
    state: dict[str, Any] = torch.load(file, weights_only=True)
    return state
