"""Which values the generator's features take on real photos: the calibration of the INT8 file.

Photos go through the serving path, so that plain ground, frames and noise are what the network will
see, one style after the other. A range is the least and the largest value of every channel; what
goes beyond it on another photo is clipped. Nothing here knows how a range becomes integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.drawing import draw, source_of, task_of
from stylecore.engine import Engine
from stylecore.gan.layers import ConditionalConvolution
from stylecore.gan.networks import Generator
from stylecore.imaging.photo import Photo
from stylecore.manifest import GeneratorManifest

Ranges = dict[str, Floats]
"""`<layer>.in` and `<layer>.out`, what a convolution takes and what its FiLM gives: [2, channels],
least and largest."""
Inputs = tuple[Floats, Floats, Floats]
"""Photo, weights and noise of one picture as `Generator.forward` takes them."""

LAYERS_WITH_NOISE = {"quarter_in": "quarter_noise", "eighth_in": "eighth_noise"}


class _Recorder:
    """Stands where the engine stands, and keeps what it is asked to draw."""

    def __init__(self, manifest: GeneratorManifest) -> None:
        self.manifest, self.inputs = manifest, list[Inputs]()

    def render(self, photos: Floats, weights: Floats, noise: Floats) -> Floats:
        self.inputs.append((_planes(photos), weights.astype(np.float32), _planes(noise)))
        return photos


def served_inputs(manifest: GeneratorManifest, photos: Sequence[Photo]) -> list[Inputs]:
    """What the network is given when every photo is drawn in every style, each with its noise."""
    recorder = _Recorder(manifest)
    tasks = [
        task_of(
            source_of(photo), StyleDefinition(weights={style.style_id: 1.0}, seed=seed), manifest
        )
        for seed, photo in enumerate(photos)
        for style in manifest.styles
    ]
    for _ in draw(cast("Engine", recorder), tasks, 1):
        pass
    return recorder.inputs


def observed_ranges(generator: Generator, inputs: Iterable[Inputs]) -> Ranges:
    """The widest range of every convolution's input and output over all pictures."""
    ranges: Ranges = {}

    def note(name: str, values: Tensor) -> None:
        low, high = (extreme(values, (0, 2, 3)).numpy() for extreme in (torch.amin, torch.amax))
        before = ranges.get(name, np.zeros((2, len(low)), np.float32))
        ranges[name] = np.stack([np.minimum(before[0], low), np.maximum(before[1], high)])

    for photo, weights, noise in inputs:
        blend = torch.from_numpy(weights)
        with torch.no_grad(), _watched(generator, blend, note):
            generator(torch.from_numpy(photo), blend, torch.from_numpy(noise))
    return ranges


@contextmanager
def _watched(
    generator: Generator, weights: Tensor, note: Callable[[str, Tensor], None]
) -> Iterator[None]:
    """While this lasts every convolution tells of its input, and of its output after its FiLM.

    Where noise joins, convolution and noise are told of apart, each with the FiLM's scale.
    """
    hooks = []
    for name, layer in generator.named_modules():
        if isinstance(layer, ConditionalConvolution):
            noise = LAYERS_WITH_NOISE.get(name)
            inner = layer if noise is None else layer.convolution
            hooks.append(inner.register_forward_hook(_telling(name, layer, weights, note)))
            if noise is not None:
                module = getattr(generator, noise)
                hooks.append(module.register_forward_hook(_telling(noise, layer, weights, note)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _telling(
    name: str, host: ConditionalConvolution, weights: Tensor, note: Callable[[str, Tensor], None]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """A hook for a layer, its convolution (FiLM to come), or its noise (scale to come)."""

    def told(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        note(f"{name}.in", given[0])
        if module is host:
            note(f"{name}.out", output)
        elif module is host.convolution:
            note(f"{name}.out", host.affine(output, weights))
        else:
            scale = 1 + weights @ host.affine.scale_table
            note(f"{name}.out", output * scale[:, :, None, None])

    return told


def _planes(pictures: Floats) -> Floats:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
