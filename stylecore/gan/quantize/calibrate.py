"""Calibrates the INT8 file: the value ranges of features on real photos, and their equalization.

served_inputs (photos through the serving path, so that plain ground, edges and noise are those of
serving) -> observed_ranges (least and largest value of every channel; other photos are clipped to
them) -> equalised (a generator that renders the same, with channels of similar range, so that one
byte code fits all).

Equalization: Nagel et al., "Data-free quantization through weight equalization and bias
correction", ICCV 2019, with the ranges of real features. A channel is divided where it is written
and multiplied where it is read. FiLM takes the factor at one end and the kernels at the other; the
leaky ReLU, the doubling and the sums commute with it. Exact for weights whose sum is 1, up to
rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.gan.networks import ConditionalAffine, ConditionalConvolution, Generator
from stylecore.imaging.photo import Photo
from stylecore.rendering.draw import draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.manifest import GeneratorManifest

Ranges = dict[str, Floats]
"""Least and largest value per channel, [2, channels], of `<layer>.in`, the input of a convolution,
and `<layer>.out`, the output of its FiLM."""
Inputs = tuple[Floats, Floats, Floats]
"""Photo, weights and noise of one picture as `Generator.forward` takes them."""

LAYERS_WITH_NOISE = {"quarter_in": "quarter_noise", "eighth_in": "eighth_noise"}


class _Recorder:
    """Stands in for the engine and records its inputs."""

    def __init__(self, manifest: GeneratorManifest) -> None:
        self.manifest, self.inputs = manifest, list[Inputs]()

    def render(self, photos: Floats, weights: Floats, noise: Floats) -> Floats:
        self.inputs.append((_planes(photos), weights.astype(np.float32), _planes(noise)))
        return photos


def served_inputs(manifest: GeneratorManifest, photos: Sequence[Photo]) -> list[Inputs]:
    """Collect the network's inputs for every photo in every style, a noise seed per photo."""
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
    """Observe the range of every convolution's input and output over all pictures."""
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
    """Report every convolution's input, and its output after its FiLM, while the context lasts.

    Where noise is added, convolution and noise are reported separately, with the FiLM's scale.
    """
    hooks = []
    for name, layer in generator.named_modules():
        if isinstance(layer, ConditionalConvolution):
            noise = LAYERS_WITH_NOISE.get(name)
            inner = layer if noise is None else layer.convolution
            hooks.append(inner.register_forward_hook(_reporting(name, layer, weights, note)))
            if noise is not None:
                module = getattr(generator, noise)
                hooks.append(module.register_forward_hook(_reporting(noise, layer, weights, note)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _reporting(
    name: str, host: ConditionalConvolution, weights: Tensor, note: Callable[[str, Tensor], None]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """Make a hook for a layer, its convolution (before FiLM) or its noise (before the scale)."""

    def hook(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        note(f"{name}.in", given[0])
        if module is host:
            note(f"{name}.out", output)
        elif module is host.convolution:
            note(f"{name}.out", host.affine(output, weights))
        else:
            scale = 1 + weights @ host.affine.scale_table
            note(f"{name}.out", output * scale[:, :, None, None])

    return hook


def _planes(pictures: Floats) -> Floats:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)


LEAST = 0.05
"""Channels grow at most 20-fold, because kernels are rounded as well."""


@dataclass(frozen=True)
class Stream:
    """Features that are added to each other and so share their channels' factors."""

    written_by: tuple[str, ...]
    read_by: tuple[str, ...]


def streams_of(generator: Generator) -> list[Stream]:
    """List the streams: one each at half, quarter and eighth size, one in every residual block."""
    quarter = [f"quarter_blocks.{place}" for place in range(len(generator.quarter_blocks))]
    eighth = [f"eighth_blocks.{place}" for place in range(len(generator.eighth_blocks))]
    half = ["half_block_in", "half_block_out"]
    return [
        _stream(half, ["half_in", "quarter_out"], ["quarter_in", "half_out"]),
        _stream(quarter, ["quarter_in", "eighth_out"], ["eighth_in", "quarter_out"]),
        _stream(eighth, ["eighth_in"], ["eighth_out"]),
        *(Stream((f"{one}.first",), (f"{one}.second",)) for one in half + quarter + eighth),
    ]


def _stream(blocks: list[str], writers: list[str], readers: list[str]) -> Stream:
    written = [*writers, *(f"{block}.second" for block in blocks)]
    return Stream(tuple(written), (*readers, *(f"{block}.first" for block in blocks)))


def equalised(generator: Generator, ranges: Ranges) -> tuple[Generator, Ranges]:
    """Return a copy that renders the same with equalized channels, and its ranges."""
    same, known = copy.deepcopy(generator), dict(ranges)
    for stream in streams_of(generator):
        factor = _factors(stream, ranges)
        for name in stream.written_by:
            _scale_film(_layer(same, name).affine, torch.from_numpy(factor))
            for output in (name, LAYERS_WITH_NOISE.get(name)):
                if output is not None:
                    known[f"{output}.out"] = known[f"{output}.out"] / factor
        for name in stream.read_by:
            kernel = _layer(same, name).convolution.weight
            kernel.data *= torch.from_numpy(factor)[None, :, None, None]
            known[f"{name}.in"] = known[f"{name}.in"] / factor
    return same, known


def _factors(stream: Stream, ranges: Ranges) -> Floats:
    """[channels]: each channel's largest share of a reader's range, at least LEAST."""
    reaches = [np.abs(ranges[f"{name}.in"]).max(axis=0) for name in stream.read_by]
    shares = [reach / max(float(reach.max()), 1e-6) for reach in reaches]
    return np.asarray(np.maximum(np.max(shares, axis=0), LEAST), np.float32)


def _layer(network: Generator, name: str) -> ConditionalConvolution:
    return cast("ConditionalConvolution", network.get_submodule(name))


def _scale_film(affine: ConditionalAffine, factor: Tensor) -> None:
    affine.scale_table.data = (1 + affine.scale_table.data) / factor - 1
    affine.shift_table.data /= factor
