"""`python -m chaos.mutants [NAME...]`: each broken rule under a short storm; is it noticed?

A storm without a mutant comes first: it must pass. Exit 1 where it does not, or where a mutant
passes as well. Each storm is a process of its own, tried with further seeds until one notices.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from chaos.mutations import MUTATIONS

STORM = {
    "kills": 12,
    "restarts": 1,
    "rebalances": 1,
    "pauses": 4,
    "minutes": 1.2,
    "products": 4,
    "styles": 1,
    "orders": 20,
    "events": 2000,
}
SCENES = {
    "group metadata afresh after a rebalance": "paused_in_its_batch and stored",
}
"""Mistakes that do harm only where another owner was at work meanwhile, and the test of that."""
SEEDS = (1, 2, 3)
NONE = "none"
HEAD = ("mutant", "seed", "lost", "doubled", "state_equal", "problems", "noticed")


def main() -> int:
    """A line a mutant."""
    parser = argparse.ArgumentParser(description="Does the storm notice a broken commit?")
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names or [NONE, *MUTATIONS]
    _print(HEAD)
    shown = [_shown(name) for name in names]  # all of them, whatever the first ones say
    return 0 if all(shown) else 1


def _shown(name: str) -> bool:
    """Whether the storm says of this mutant what it must."""
    if name == NONE:
        found = _storm(SEEDS[0], None)
        _print_row("none", SEEDS[0], found)
        return not found["noticed"]
    if name in SCENES:
        return _shown_by_a_scene(name)
    for seed in SEEDS:
        found = _storm(seed, name)
        _print_row(name, seed, found)
        if found["noticed"]:
            return True
    return False


def _shown_by_a_scene(name: str) -> bool:
    """Whether the test passes, and fails with the mutant."""
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    test += [str(Path(__file__).parent / "test_owners.py"), "-k", SCENES[name]]
    results = []
    for mutant in ({}, {"CHAOS_MUTANT": name}):
        done = subprocess.run(
            test, env={**os.environ, **mutant}, stdout=subprocess.PIPE, text=True, check=False
        )
        failures = [line for line in done.stdout.splitlines() if line.startswith("E  ")]
        print(name, *failures[:3], sep="\n  ", file=sys.stderr)
        results.append(done.returncode)
    _print((name, SCENES[name], "-", "-", "-", "-", "yes" if results == [0, 1] else "no"))
    return results == [0, 1]


def _storm(seed: int, mutant: str | None) -> dict[str, Any]:
    storm = {**STORM, "seed": seed}
    flags = [f"--{name}={value}" for name, value in storm.items()]
    flags += ["--mutant", mutant] if mutant else []
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *flags], stdout=subprocess.PIPE, text=True, check=False
    )
    lines = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    found["problems"] = [line for line in lines if line.startswith("problem: ")]
    print(mutant or NONE, *found["problems"], sep="\n  ", file=sys.stderr)
    # A process that ended by itself, or a storm that did not settle, is no proof of anything.
    found["noticed"] = bool(
        found["lost"] or found["doubled"] or not found["state_equal"] or found["problems"]
    )
    if mutant is None:
        found["noticed"] |= done.returncode != 0
    return found


def _print_row(name: str, seed: int, found: dict[str, Any]) -> None:
    counts = (found["lost"], found["doubled"], found["state_equal"], len(found["problems"]))
    _print((name, seed, *counts, "yes" if found["noticed"] else "no"))


def _print(cells: tuple[object, ...]) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
