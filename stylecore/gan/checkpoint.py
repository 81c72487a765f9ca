"""All that changes while training, and how it is written down and taken up again exactly.

Batches are a function of seed and step (data.py), so weights, their average, both optimisers and
the step are the whole state. A checkpoint replaces its predecessor in one rename.

A shipped ONNX generator back in torch: where a training starts warm, or an encoder is fitted.

The export keeps every parameter as an initializer of the parameter's own name, so the file is the
whole generator. Optimisers and the discriminator are not in it. A file whose weights were quantised
or renamed cannot be read back, nor one of which two parameters are equal (both noise layers, before
any training): the exporter keeps only one of them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import Tensor, nn

from stylecore.errors import SettingsError
from stylecore.gan.networks import Discriminator, Generator, GeneratorShape, parameter_groups
from stylecore.gan.settings import TrainSettings

CHECKPOINT = "checkpoint.pt"
BETAS = (0.5, 0.99)


@dataclass
class Trainee:
    """The networks in training, the generator's moving average, and the steps done."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    step: int = 0


def new_trainee(settings: TrainSettings) -> Trainee:
    """Networks initialised from the seed, in the memory layout that CPUs convolve fastest."""
    torch.manual_seed(settings.seed)
    layout = torch.channels_last
    generator = Generator(settings.shape).to(memory_format=layout)
    judge = Discriminator(settings.shape.styles).to(memory_format=layout)
    return Trainee(
        generator,
        judge,
        copy.deepcopy(generator).eval(),
        torch.optim.Adam(parameter_groups(generator, settings.rate), betas=BETAS),
        torch.optim.Adam(judge.parameters(), settings.discriminator_rate, betas=BETAS),
    )


def update_average(average: nn.Module, trained: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average of weights; young averages forget faster."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, new in zip(average.parameters(), trained.parameters(), strict=True):
            kept.lerp_(new, share)


def save_checkpoint(trainee: Trainee, file: Path) -> None:
    """Write the state; a reader sees the old or the new one, never half."""
    state = {
        "step": trainee.step,
        "shape": [
            getattr(trainee.generator.shape, name) for name in GeneratorShape.__struct_fields__
        ],
        "generator": trainee.generator.state_dict(),
        "discriminator": trainee.discriminator.state_dict(),
        "average": trainee.average.state_dict(),
        "generator_optimiser": trainee.generator_optimiser.state_dict(),
        "discriminator_optimiser": trainee.discriminator_optimiser.state_dict(),
    }
    part = file.with_suffix(".part")
    torch.save(state, part)
    part.replace(file)


def load_checkpoint(file: Path, trainee: Trainee) -> None:
    """Put a checkpoint's state into the trainee. Raises SettingsError if its shape is another."""
    state = torch.load(file, weights_only=True)
    if GeneratorShape(*state["shape"]) != trainee.generator.shape:
        raise SettingsError(
            f"run: {file} holds another generator shape; choose a new run folder or its settings"
        )
    trainee.step = state["step"]
    for name in ("generator", "discriminator", "average"):
        getattr(trainee, name).load_state_dict(state[name])
    for name in ("generator_optimiser", "discriminator_optimiser"):
        getattr(trainee, name).load_state_dict(state[name])


def load_average(file: Path) -> tuple[Generator, int]:
    """The averaged generator of a checkpoint, ready to render, and its step."""
    if not file.is_file():
        raise SettingsError(f"checkpoint: there is no {file}; train first")
    state = torch.load(file, weights_only=True)
    generator = Generator(GeneratorShape(*state["shape"]))
    generator.load_state_dict(state["average"])
    return generator.eval(), int(state["step"])


def load_onnx_generator(file: Path) -> Generator:
    """The generator of an exported file, in float32, ready to render.

    Raises SettingsError where there is no such file or it is no export of this network.
    """
    state = _initializers(file)
    try:
        generator = Generator(shape_of(state))
        generator.load_state_dict({name: state[name] for name in generator.state_dict()})
    except (KeyError, RuntimeError) as problem:
        raise SettingsError(f"generator: {file} is no export of this network: {problem}") from None
    return generator.eval()


def shape_of(state: dict[str, Tensor]) -> GeneratorShape:
    """Styles, channels and blocks, read off parameters of that name. Raises KeyError."""
    return GeneratorShape(
        styles=len(state["head"]),
        full=len(state["full_in.weight"]),
        half=len(state["half_in.convolution.weight"]),
        quarter=len(state["quarter_in.convolution.weight"]),
        eighth=len(state["eighth_in.convolution.weight"]),
        blocks_quarter=_blocks(state, "quarter_blocks"),
        blocks_eighth=_blocks(state, "eighth_blocks"),
    )


def _blocks(state: dict[str, Tensor], prefix: str) -> int:
    return len({name.split(".")[1] for name in state if name.startswith(f"{prefix}.")})


def _initializers(file: Path) -> dict[str, Tensor]:
    """The file's floating-point constants by name."""
    try:
        model = onnx.load(file)
    except (OSError, DecodeError) as problem:
        raise SettingsError(f"generator: {file} is no readable ONNX file: {problem}") from problem
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    return {
        name: torch.from_numpy(array.astype(np.float32))
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating)
    }
