"""`python -m chaos [--seed N] [--kills N] [--restarts N] [--rebalances N] ...`: one storm.

What was done and met is printed as it is known; the last line is a JSON object with the counts.
Exit 1 where a promise was broken: the lines before say which.
"""

from __future__ import annotations

import argparse
import json
import sys

from chaos.mutations import MUTATIONS
from chaos.plan import Storm
from chaos.storm import Size, run

from workers.settings import LogSettings
from workers.telemetry import configure_logging


def main() -> int:
    """Storm, and say what came of it."""
    given = _arguments()
    configure_logging(LogSettings(level="error"))
    storm = Storm(
        seed=given.seed,
        kills=given.kills,
        restarts=given.restarts,
        rebalances=given.rebalances,
        pauses=given.pauses,
        seconds=given.minutes * 60,
    )
    size = Size(
        products=given.products, styles=given.styles, orders=given.orders, events=given.events
    )
    result = run(storm, size, given.mutant)
    verdict = result.verdict
    for problem in verdict.problems:
        print(f"problem: {problem}")
    for trouble in verdict.troubles:
        print(f"trouble: {trouble}")
    print(json.dumps(dict(sorted(result.counts.items()))))
    print(
        json.dumps(
            {
                "ends": result.counts["ends"],
                "slowest_stop_seconds": round(result.slowest_stop, 2),
                "pauses": result.counts["pauses"],
                "settle_seconds": round(result.settle_seconds, 1),
                "doubled_orders": verdict.doubled_orders,
                "renders": verdict.renders,
                "redrawn": verdict.redrawn,
                "interrupted_drawings": verdict.interrupted,
                "set_aside": verdict.set_aside,
                "problems": len(verdict.problems),
                "troubles": len(verdict.troubles),
            }
        )
    )
    print(
        json.dumps(
            {
                "seed": storm.seed,
                "kills": result.counts["kills"],
                "restarts": result.counts["restarts"],
                "rebalances": result.counts["rebalances"],
                "jobs": verdict.jobs,
                "events": verdict.events,
                "lost": verdict.lost,
                "doubled": verdict.doubled,
                "state_equal": verdict.state_equal,
                "seconds": round(result.seconds, 1),
            }
        )
    )
    return 0 if verdict.good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A seeded storm on real workers and a broker.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=260)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--rebalances", type=int, default=20)
    parser.add_argument("--pauses", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=28, help="Over which it is spread.")
    parser.add_argument("--products", type=int, default=42)
    parser.add_argument("--styles", type=int, default=4, help="New ones, while it storms.")
    parser.add_argument("--orders", type=int, default=100, help="The platform's own, each twice.")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--mutant", choices=MUTATIONS, help="Break one rule; exit 1 is expected.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
