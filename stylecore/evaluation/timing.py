"""Milliseconds a picture, ours and the baseline's in turn, so that a busy machine slows both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
import onnxruntime

from stylecore.engine import Engine
from stylecore.evaluation.instance_norm import STYLES, instance_norm_network

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
