"""The generator beside a conditional-instance-norm network of 1.71 M parameters, thread for thread.

One picture of 256 x 256 on the CPU in the precision that is served there. Rounds alternate,
so that a busy machine slows both alike, and the median of each counts; the worse of one and two
threads is the figure.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2])]

from stylecore.evaluation.latency import SIDE, Times, measure_times, medians  # noqa: E402
from stylecore.imaging.photo import to_pixels  # noqa: E402
from stylecore.models import GENERATOR, MATTE  # noqa: E402
from stylecore.rendering.engine import Engine  # noqa: E402
from stylecore.rendering.matte import MatteNet  # noqa: E402

ROUNDS, GOAL = 15, 0.30
THREADS = (1, 2)

Row = dict[str, object]


def generator_time() -> Row:
    """Milliseconds a picture."""
    engines = {threads: Engine(GENERATOR, provider="cpu", threads=threads) for threads in THREADS}
    times = [measure_times(engine, threads, ROUNDS) for threads, engine in engines.items()]
    worst: Times = max(times, key=lambda found: found.ratio)
    return {
        "name": "generator_time",
        "value": worst.generator_ms,
        "unit": "ms",
        "baseline": f"conditional instance normalisation, {worst.baseline_parameters} parameters, "
        f"{worst.threads} threads; ours in {engines[1].precision}",
        "baseline_value": worst.baseline_ms,
        "ratio": worst.ratio,
        "ratio_by_threads": {found.threads: found.ratio for found in times},
        "goal": GOAL,
        "holds": worst.ratio <= GOAL,
        "command": "make bench ONLY=generator_time",
    }


def matte_time() -> Row:
    """Milliseconds in which the product is found in a photo, beside a render of it."""
    engine = Engine(GENERATOR, provider="cpu", threads=1)
    net = MatteNet(MATTE, threads=1)
    random = np.random.default_rng(1)
    photo = random.random((1, SIDE, SIDE, 3), np.float32)
    weights = np.eye(len(engine.manifest.styles), dtype=np.float32)[:1]
    pixels = to_pixels(photo[0])
    taken = medians(
        {
            "matte": lambda: net.alpha(pixels),
            "generator": lambda: engine.render(photo, weights, photo),
        },
        ROUNDS,
        time.perf_counter,
    )
    ratio = taken["matte"] / taken["generator"]
    return {
        "name": "matte_time",
        "value": 1e3 * taken["matte"],
        "unit": "ms",
        "baseline": f"the generator in {engine.precision}, one thread",
        "baseline_value": 1e3 * taken["generator"],
        "ratio": ratio,
        "goal": 1 / 3,
        "holds": ratio <= 1 / 3,
        "command": "make bench ONLY=matte_time",
    }


FIGURES = {"generator_time": generator_time, "matte_time": matte_time}
