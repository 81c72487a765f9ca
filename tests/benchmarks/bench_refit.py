"""Seconds and memory of a warm refit, and how both grow with the number of shoppers.

`python tests/benchmarks/bench_refit.py [--shoppers 100000] [--products 5000] [--threads 2]` runs a
quarter, a half and the whole of the shoppers, each in a process of its own, and prints a line of
JSON for each. `seconds` is by the wall clock; `cpu_seconds` of all threads together is what a busy
machine does not change. Memory is the process's peak, its states included. Shoppers have 1 to 50
products each by Zipf's law, 64 tastes, a month of history and a twentieth of it in the last hour;
the parent is a fit of three iterations, for only its shape matters here.

Seen on two shared cores while a training had most of them: 3.0, 5.8 and 11.8 s of processor time
at 25,000, 50,000 and 100,000 shoppers (1.0 million interactions; 64 factors, 15 iterations), so
linear, 12 us an interaction. The last with states that have strings of their own, as they have now:
13.4 s, and 65 s by the clock at a fifth of a core; 620 MiB before and 900 MiB at the peak.

Ten times as much, on paper. Time is linear in interactions, so 1,000,000 shoppers take ten times
the processor time, some two minutes on one core, and with the states as Python objects ten times
the memory, 9 GiB, which is what gives out first. In this order: (1) states as columns, a number
for each product and style and 4-byte times, about 20 bytes an interaction in place of 550, filled
as records come, so that gathering is no loop over objects; (2) one gathering for the fit, the
placing and the priors in place of one each; (3) fewer iterations from a warm start, for the overlap
says when lists stop moving; (4) item sums from partitions, added by one instance, each trainer
reading its share of preferences.users.v1: sums over shoppers need no new arithmetic.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
import worlds  # noqa: E402
from rows import Row, row  # noqa: E402

from schemas.codec import decode, encode  # noqa: E402
from schemas.events import Interaction, SeenEvent, UserState  # noqa: E402
from stylecore.recommender.als import FitSettings  # noqa: E402
from stylecore.recommender.refit import hold_out, refit  # noqa: E402
from stylecore.recommender.rules import Rules  # noqa: E402

TASTES = 64
GOAL_SECONDS = 60
PARTS = (0.25, 0.5, 1.0)
MINUTES_A_MONTH = 30 * 24 * 60


def states(shoppers: int, products: int, random: np.random.Generator) -> list[UserState]:
    """Four of five products of a shopper are of the shopper's taste."""
    lengths = worlds.lengths(shoppers, random)
    entries = int(lengths.sum())
    taste = np.repeat(random.integers(TASTES, size=shoppers), lengths)
    own = taste + TASTES * random.integers(products // TASTES, size=entries)
    product = np.where(random.random(entries) < 0.8, own, random.integers(products, size=entries))
    minutes = random.random(entries) * MINUTES_A_MONTH
    minutes[random.random(entries) < 0.05] *= 60 / MINUTES_A_MONTH
    ids = [f"product-{number}" for number in range(products)]
    found, first = [], 0
    for shopper, length in enumerate(lengths.tolist()):
        part = slice(first, first + length)
        history = dict(zip(product[part].tolist(), minutes[part].tolist(), strict=True))
        first += length
        interactions = tuple(
            Interaction(
                product_id=ids[number],
                style_id=worlds.STYLES[number % len(worlds.STYLES)],
                weight=1.0,
                style_evidence=0.5,
                updated_at=worlds.NOW - timedelta(minutes=ago),
            )
            for number, ago in history.items()
        )
        state = UserState(
            user_id=f"user-{shopper}",
            interactions=interactions,
            recent_events=tuple(
                SeenEvent(f"{shopper}-{number}-4f3c9a6e", seen.updated_at)
                for number, seen in enumerate(interactions)
            ),
        )
        found.append(decode(UserState, encode(state)))  # with strings of its own, as in the worker
    return found


def measure(shoppers: int, products: int, threads: int) -> dict[str, float]:
    """One warm refit, in this process."""
    catalogue = worlds.catalogue(products)
    everyone = states(shoppers, products, np.random.default_rng(5))
    before = _peak_mib()
    earlier, now, rules = worlds.NOW - timedelta(hours=2), worlds.NOW, Rules()
    short = FitSettings(iterations=3, threads=threads)
    past = hold_out(everyone, earlier).before
    first = refit(past, catalogue, None, _nothing, short, rules, earlier)
    if first is None:
        raise SystemExit("too few shoppers to fit to")
    wall, cpu = time.perf_counter(), time.process_time()
    settings = FitSettings(threads=threads)
    found = refit(everyone, catalogue, first.factors, _nothing, settings, rules, now)
    if found is None:
        raise SystemExit("too few shoppers to fit to")
    return {
        "shoppers": shoppers,
        "products": products,
        "interactions": sum(len(state.interactions) for state in everyone),
        "threads": threads,
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "states_mib": round(before),
        "peak_mib": round(_peak_mib()),
        **found.as_metrics(),
    }


def _nothing(_source: str) -> None:
    return None


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a warm refit.")
    parser.add_argument("--shoppers", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--once", action="store_true", help="only the whole, in this process")
    given = parser.parse_args()
    if given.once:
        print(json.dumps(measure(given.shoppers, given.products, given.threads)), flush=True)
        return
    for part in PARTS:
        sizes = {"shoppers": int(part * given.shoppers), "products": given.products}
        flags = [f"--{name}={value}" for name, value in sizes.items()]
        command = [sys.executable, __file__, "--once", f"--threads={given.threads}", *flags]
        subprocess.run(command, check=True)


def refit_time() -> Row:
    """Seconds of a warm refit of 100,000 shoppers on two threads, in a process of its own."""
    command = [sys.executable, __file__, "--once", "--threads=2"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    seconds = found.pop("seconds")
    return row("refit_time", seconds, "s", "the goal of a minute", GOAL_SECONDS, at_most=1, **found)


FIGURES = {"refit_time": refit_time}


if __name__ == "__main__":
    main()
