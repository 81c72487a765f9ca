"""Small networks written as ONNX node by node, for the baselines that no file ships with.

Names are given where another reads them, and made otherwise. It knows no network.

The network that speed is compared with: conditional instance normalisation, 1.71 M parameters.

Dumoulin et al., "A learned representation for artistic style", ICLR 2017: the residual network of
Johnson et al. (ECCV 2016) with nearest upsampling, whose normalisations take scale and shift from
a table of styles. Its weights are random: it takes the time of the real one and draws nothing.

Milliseconds a picture, ours and the baseline's in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stylecore.errors import SettingsError
from stylecore.rendering.engine import Engine

OPSET, IR_VERSION = 17, 8


class Graph:
    """Nodes and constants in the order in which they were added."""

    def __init__(self) -> None:
        """Raises SettingsError where the package onnx is not installed."""
        try:
            import onnx  # noqa: F401
        except ImportError as problem:
            raise SettingsError(
                "evaluation needs the package onnx: pip install 'stylecast[evaluate]'"
            ) from problem
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A fixed array under a name, which is returned."""
        from onnx import numpy_helper

        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """A node; returns the name of its one output."""
        from onnx import helper

        name = output or f"node{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, inputs: Mapping[str, Sequence[int | None]], outputs: Sequence[str]) -> bytes:
        """The finished file: float32 inputs of these shapes (None is any), named outputs."""
        from onnx import TensorProto, helper

        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "graph",
            [helper.make_tensor_value_info(*pair) for pair in _typed(inputs, floats)],
            [helper.make_tensor_value_info(name, floats, None) for name in outputs],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return bytes(model.SerializeToString())


def _typed(
    inputs: Mapping[str, Sequence[int | None]], kind: int
) -> list[tuple[str, int, list[int | None]]]:
    return [(name, kind, list(shape)) for name, shape in inputs.items()]


STYLES = 10
_LAYERS = ((3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2))
_RESIDUALS, _WIDTH = 5, 128
_UP = ((128, 64), (64, 32))


def instance_norm_network(random: np.random.Generator) -> tuple[bytes, int]:
    """The ONNX file and its count of parameters.

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
    parts.graph.add("Sigmoid", [features], "render")
    shapes: dict[str, list[int | None]] = {"photo": [1, 3, None, None], "weights": [1, STYLES]}
    return parts.graph.model(shapes, ["render"]), parts.parameters


class _Parts:
    """A graph in the making, with its count of learnt numbers."""

    def __init__(self, random: np.random.Generator) -> None:
        self.graph, self.parameters, self._constants = Graph(), 0, 0
        self._random, self._flat = random, np.array([-1], np.int64)

    def block(
        self, source: str, channels: int, out: int, kernel: int, stride: int, *, active: bool = True
    ) -> str:
        """Reflected edge, convolution, normalisation by style, ReLU."""
        edge = np.array([0, 0, *[kernel // 2] * 2] * 2, np.int64)
        padded = self.graph.add("Pad", [source, self._fixed(edge)], mode="reflect")
        weight = self._learnt(out, channels, kernel, kernel)
        linear = self.graph.add("Conv", [padded, weight], strides=[stride] * 2)
        scale, shift = (self._by_style(out) for _ in range(2))
        normal = self.graph.add("InstanceNormalization", [linear, scale, shift])
        return self.graph.add("Relu", [normal]) if active else normal

    def enlarged(self, source: str) -> str:
        """Twice the size by repeating pixels."""
        scales = self._fixed(np.array([1, 1, 2, 2], np.float32))
        return self.graph.add("Resize", [source, "", scales], mode="nearest")

    def _by_style(self, channels: int) -> str:
        row = self.graph.add("MatMul", ["weights", self._learnt(STYLES, channels)])
        return self.graph.add("Reshape", [row, self._fixed(self._flat)])

    def _learnt(self, *shape: int) -> str:
        array = self._random.normal(0, 0.05, shape).astype(np.float32)
        self.parameters += array.size
        return self._fixed(array)

    def _fixed(self, array: NDArray[Any]) -> str:
        self._constants += 1
        return self.graph.constant(f"constant{self._constants}", array)


SIDE = 256


@dataclass(frozen=True)
class Times:
    """Median ms of one picture of 256 x 256; `ratio` is the generator's to the baseline's."""

    generator_ms: float
    baseline_ms: float
    baseline_parameters: int
    threads: int

    @property
    def ratio(self) -> float:
        """Below 1 the generator is faster."""
        return self.generator_ms / self.baseline_ms


def measure_times(
    engine: Engine, threads: int, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> Times:
    """Time an engine beside the 1.71 M parameter network with the same number of threads."""
    random = np.random.default_rng(1)
    photo = random.random((1, SIDE, SIDE, 3), np.float32)
    weights = np.eye(len(engine.manifest.styles), dtype=np.float32)[:1]
    network, parameters = instance_norm_network(random)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
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
    """Median seconds of each job over rounds in turn, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            started = clock()
            job()
            seconds[name].append(clock() - started)
    return {name: median(taken[1:]) for name, taken in seconds.items()}
