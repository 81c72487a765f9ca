"""What the order of rendering earns under a budget: clicks of the same visitors, a shop a seed.

`python tests/benchmarks/bench_budget.py [--seeds 30] [--renders 5 15 60]` prints a table for each
budget: mean clicks, and the gain over first come with its 95 % interval over the seeds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from render_queue_trial import ORDERS, Shop, clicks, scene_of  # noqa: E402  # noqa: E402

BASELINE = "first come"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--renders", type=int, nargs="+", default=[5, 15, 60])
    options = parser.parse_args()
    for renders in options.renders:
        print(f"\n{renders} renders a minute, {options.seeds} shops\n")
        print("| order | clicks | more than first come | 95 % |\n|---|---|---|---|")
        earned = earnings(Shop(renders_a_minute=renders), options.seeds)
        for name, found in earned.items():
            gain = found / earned[BASELINE] - 1
            error = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5
            low, high = gain.mean() - error, gain.mean() + error
            print(f"| {name} | {found.mean():.0f} | {gain.mean():+.1%} | {low:+.1%}..{high:+.1%} |")


def earnings(shop: Shop, seeds: int) -> dict[str, np.ndarray]:
    """The clicks of each order, [seeds]."""
    found: dict[str, list[int]] = {name: [] for name in ORDERS}
    for seed in range(seeds):
        scene = scene_of(shop, np.random.default_rng(seed))
        for name, order in ORDERS.items():
            found[name].append(clicks(scene, order(scene, np.random.default_rng(seed))))
    return {name: np.array(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
