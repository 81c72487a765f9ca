"""Measures the generator's time beside a baseline's: milliseconds a picture, taken in turn.

The baseline is a network of conditional instance normalization with 1.71 M parameters (Dumoulin et
al., "A learned representation for artistic style", ICLR 2017): the residual network of Johnson et
al. (ECCV 2016) with nearest upsampling, whose normalizations take scale and shift from a table of
styles. Its weights are random, so it takes the real one's time and renders nothing. The two run in
turn, so that a busy machine slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from stylecore.evaluation.onnx_graph import Graph, Shape, cpu_session
from stylecore.rendering.engine import Engine

SIDE = 256


@dataclass(frozen=True)
class Times:
    """Median ms of one picture of 256 x 256."""

    generator_ms: float
    baseline_ms: float
    baseline_parameters: int
    threads: int

    @property
    def ratio(self) -> float:
        """The generator's time to the baseline's."""
        return self.generator_ms / self.baseline_ms


def measure_times(
    engine: Engine, threads: int, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> Times:
    """Time an engine beside the 1.71 M parameter network with the same number of threads."""
    random = np.random.default_rng(1)
    photo = random.random((1, SIDE, SIDE, 3), np.float32)
    weights = np.eye(len(engine.manifest.styles), dtype=np.float32)[:1]
    network, parameters = instance_norm_network(random)
    session = cpu_session(network, threads)
    theirs = {"photo": photo.transpose(0, 3, 1, 2), "weights": np.eye(STYLES, dtype=np.float32)[:1]}
    jobs: Mapping[str, Callable[[], object]] = {
        "generator": lambda: engine.render(photo, weights, photo),
        "baseline": lambda: session.run(["render"], theirs),
    }
    taken = medians(jobs, rounds, clock)
    return Times(1e3 * taken["generator"], 1e3 * taken["baseline"], parameters, threads)


def medians(
    jobs: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Return each job's median seconds over rounds in turn, after a warm-up round."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            started = clock()
            job()
            seconds[name].append(clock() - started)
    return {name: median(taken[1:]) for name, taken in seconds.items()}


STYLES = 10
_LAYERS = ((3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2))
_RESIDUALS, _WIDTH = 5, 128
_UP = ((128, 64), (64, 32))


def instance_norm_network(random: np.random.Generator) -> tuple[bytes, int]:
    """Build the encoded ONNX model and count its parameters.

    Inputs `photo` [1, 3, H, W] and `weights` [1, 10], output `render` [1, 3, H, W].
    """
    parts = _Parts(random)
    features = "photo"
    for channels, wider, kernel, stride in _LAYERS:
        features = parts.block(features, channels, wider, kernel, stride)
    for _ in range(_RESIDUALS):
        inner = parts.block(features, _WIDTH, _WIDTH, 3, 1)
        inner = parts.block(inner, _WIDTH, _WIDTH, 3, 1, active=False)
        features = parts.graph.add("Add", [features, inner])
    for channels, fewer in _UP:
        features = parts.block(parts.enlarged(features), channels, fewer, 3, 1)
    features = parts.block(features, _UP[-1][1], 3, 9, 1, active=False)
    render = parts.graph.add("Sigmoid", [features])
    shapes: dict[str, Shape] = {"photo": (1, 3, "height", "width"), "weights": (1, STYLES)}
    model = parts.graph.model(shapes, {"render": render})
    return bytes(model.SerializeToString()), parts.parameters


class _Parts:
    """A graph under construction, with its count of parameters."""

    def __init__(self, random: np.random.Generator) -> None:
        self.graph, self.parameters = Graph(), 0
        self._random = random

    def block(
        self, source: str, channels: int, out: int, kernel: int, stride: int, *, active: bool = True
    ) -> str:
        """Add reflected padding, convolution, normalization by style and ReLU."""
        edge = self.graph.constant([0, 0, *[kernel // 2] * 2] * 2, np.int64)
        padded = self.graph.add("Pad", [source, edge], mode="reflect")
        weight = self._learnt(out, channels, kernel, kernel)
        linear = self.graph.add("Conv", [padded, weight], strides=[stride] * 2)
        scale, shift = (self._by_style(out) for _ in range(2))
        normal = self.graph.add("InstanceNormalization", [linear, scale, shift])
        return self.graph.add("Relu", [normal]) if active else normal

    def enlarged(self, source: str) -> str:
        """Double the size by repeating pixels."""
        scales = self.graph.constant([1, 1, 2, 2], np.float32)
        return self.graph.add("Resize", [source, "", scales], mode="nearest")

    def _by_style(self, channels: int) -> str:
        row = self.graph.add("MatMul", ["weights", self._learnt(STYLES, channels)])
        return self.graph.add("Reshape", [row, self.graph.constant([-1], np.int64)])

    def _learnt(self, *shape: int) -> str:
        array = self._random.normal(0, 0.05, shape).astype(np.float32)
        self.parameters += array.size
        return self.graph.constant(array, np.float32)
