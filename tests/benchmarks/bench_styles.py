"""How fast a shopper's favourite style is learnt: what ships beside the best two other learners.

`python tests/benchmarks/bench_styles.py [--seeds 10] [--lists 50]` prints a table for each kind of
tastes: clicks lost of 100 items seen with 95 % intervals over the simulated shops, and the
probability of the favourite by clicks made. Others have the best settings of a small grid.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from scipy.special import stdtrit  # noqa: E402
from style_learners import LEARNERS, LISTS, SHIPS, Tastes, scenario, trial, tuned  # noqa: E402

from stylecore.recommender.simulator import INTEREST  # noqa: E402

TASTES = {
    "tastes by chance": Tastes(),
    "tastes of which half lean by category": Tastes(leaning=0.5),
    "tastes by chance, a fifth of the clicks": Tastes(interest=INTEREST / 5),
}
HEAD = "| learner | lost to own favourite | to the best for all | more than ships | favourite |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--lists", type=int, default=LISTS)
    options = parser.parse_args()
    for title, tastes in TASTES.items():
        print(f"\n{title}, {options.seeds} shops\n\n{HEAD}\n|---|---|---|---|---|")
        ships = np.zeros(0)
        for name, (kind, _) in LEARNERS.items():
            given = tuned(name, tastes, options.lists)
            outcomes = [
                trial(kind(*given), scenario(seed, tastes), seed, options.lists)
                for seed in range(options.seeds)
            ]
            lost = np.array([one.oracle - one.clicks for one in outcomes])
            fixed = np.array([one.fixed - one.clicks for one in outcomes])
            ships = lost if name == SHIPS else ships
            curve = np.nanmean([one.curve for one in outcomes], axis=0)
            cells = [interval(values) for values in (lost, fixed, lost - ships)]
            print(f"| {name} | {' | '.join(cells)} | {', '.join(f'{p:.2f}' for p in curve)} |")


def interval(values: np.ndarray) -> str:
    """The mean with the half-width of its 95 % interval by Student's t."""
    quantile = float(stdtrit(len(values) - 1, 0.975))
    return f"{values.mean():.2f} ± {quantile * values.std(ddof=1) / np.sqrt(len(values)):.2f}"


if __name__ == "__main__":
    main()
