"""The generator's training state, its checkpoint, and shipped generators read back into torch.

Batches are a function of seed and step (data.py), so weights, their moving average, both optimisers
and the step are the whole state: a run that resumes from a checkpoint continues exactly.

An exported ONNX file keeps every parameter as an initializer of the parameter's own name, so a
training can start from it and an encoder can be fitted to it. A file whose weights were quantized
cannot be read back, nor one of which two parameters are equal (both noise layers, before any
training), because the exporter keeps only one of them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import Tensor

from stylecore.errors import SettingsError
from stylecore.gan.networks import Discriminator, Generator, GeneratorShape, parameter_groups
from stylecore.gan.settings import TrainSettings
from stylecore.gan.training import load_state, save_state

CHECKPOINT = "checkpoint.pt"
BETAS = (0.5, 0.99)
PARTS = ("generator", "discriminator", "average", "generator_optimiser", "discriminator_optimiser")
"""Attributes of TrainingState that have a state of their own."""


@dataclass
class TrainingState:
    """The networks, the generator's moving average, the optimisers and the steps done."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    step: int = 0


def new_state(settings: TrainSettings) -> TrainingState:
    """Initialize networks from the seed, in the memory layout that CPUs convolve fastest."""
    torch.manual_seed(settings.seed)
    layout = torch.channels_last
    generator = Generator(settings.shape).to(memory_format=layout)
    discriminator = Discriminator(settings.shape.styles).to(memory_format=layout)
    rate = settings.discriminator_rate
    return TrainingState(
        generator,
        discriminator,
        copy.deepcopy(generator).eval(),
        torch.optim.Adam(parameter_groups(generator, settings.rate), betas=BETAS),
        torch.optim.Adam(discriminator.parameters(), rate, betas=BETAS),
    )


def save_checkpoint(state: TrainingState, file: Path) -> None:
    """Write the whole state in one rename."""
    parts = {name: getattr(state, name).state_dict() for name in PARTS}
    shape = msgspec.structs.astuple(state.generator.shape)
    save_state({"step": state.step, "shape": list(shape), **parts}, file)


def load_checkpoint(file: Path, state: TrainingState) -> None:
    """Restore a checkpoint. Raises SettingsError if its generator has another shape."""
    saved = load_state(file)
    if GeneratorShape(*saved["shape"]) != state.generator.shape:
        raise SettingsError(
            f"run: {file} holds another generator shape; choose a new run folder or its settings"
        )
    state.step = saved["step"]
    for name in PARTS:
        getattr(state, name).load_state_dict(saved[name])


def load_average(file: Path) -> tuple[Generator, int]:
    """Load a checkpoint's averaged generator, ready to render, and its step."""
    saved = load_state(file)
    generator = Generator(GeneratorShape(*saved["shape"]))
    generator.load_state_dict(saved["average"])
    return generator.eval(), int(saved["step"])


def load_onnx_generator(file: Path) -> Generator:
    """Load the generator of an exported file, in float32, ready to render.

    Raises SettingsError where there is no such file or it is no export of this network.
    """
    try:
        model = onnx.load(file)
    except (OSError, DecodeError) as problem:
        raise SettingsError(f"generator: {file} is no readable ONNX file: {problem}") from problem
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    weights = {
        name: torch.from_numpy(array.astype(np.float32))
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating)
    }
    try:
        generator = Generator(_shape_of(weights))
        generator.load_state_dict({name: weights[name] for name in generator.state_dict()})
    except (KeyError, RuntimeError) as problem:
        raise SettingsError(f"generator: {file} is no export of this network: {problem}") from None
    return generator.eval()


def _shape_of(weights: dict[str, Tensor]) -> GeneratorShape:
    """Derive styles, channels and blocks from parameters by name. Raises KeyError."""

    def blocks(prefix: str) -> int:
        return len({name.split(".")[1] for name in weights if name.startswith(f"{prefix}.")})

    return GeneratorShape(
        styles=len(weights["head"]),
        full=len(weights["full_in.weight"]),
        half=len(weights["half_in.convolution.weight"]),
        quarter=len(weights["quarter_in.convolution.weight"]),
        eighth=len(weights["eighth_in.convolution.weight"]),
        blocks_quarter=blocks("quarter_blocks"),
        blocks_eighth=blocks("eighth_blocks"),
    )
