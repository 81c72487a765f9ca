"""The generator beside a conditional-instance-norm network of 1.71 M parameters, thread for thread.

One picture of 256 x 256 on the CPU in the precision that is served there. Rounds alternate,
so that a busy machine slows both alike, and the median of each counts; the worse of one and two
threads is the figure.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from stylecore.evaluation.latency import Times, measure_times  # noqa: E402
from stylecore.models import GENERATOR  # noqa: E402
from stylecore.rendering.engine import Engine  # noqa: E402

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


FIGURES = {"generator_time": generator_time}
