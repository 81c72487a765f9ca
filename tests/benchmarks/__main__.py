"""`python tests/benchmarks [--output FOLDER] [--only NAME]`: every figure beside its baseline.

Writes `bench.json`, the list of the figures; `ratio` is ours to the baseline's in the same run.
Nothing fails because a machine is slow: `holds` says whether a goal is met.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import bench_click
import bench_clips
import bench_cost
import bench_generator
import bench_growth
import bench_lag
import bench_newcomers
import bench_preferences
import bench_product
import bench_recall
import bench_recommender
import bench_refit
import bench_restore
import bench_stylize

FIGURES = (
    bench_recommender.FIGURES
    | bench_preferences.FIGURES
    | bench_cost.FIGURES
    | bench_growth.FIGURES
    | bench_click.FIGURES
    | bench_restore.FIGURES
    | bench_refit.FIGURES
    | bench_newcomers.FIGURES
    | bench_stylize.FIGURES
    | bench_generator.FIGURES
    | bench_lag.FIGURES
    | bench_product.FIGURES
    | bench_recall.FIGURES
    | bench_clips.FIGURES
)


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="Measure the hot paths beside their baselines.")
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument("--only", choices=FIGURES)
    given = parser.parse_args()
    rows = []
    for name in [given.only] if given.only else FIGURES:
        rows.append(FIGURES[name]())
        print(json.dumps(rows[-1]), flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
