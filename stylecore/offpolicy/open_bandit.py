"""The Open Bandit Data set's files: Saito, Aihara, Matsutani, Narita 2020.

Items of a fashion shop, shown at three places of a page: the place is the context, the item the
action. Shoppers have no ids there, so each row is its own unit. Their features and affinities are
not read.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

from stylecore.errors import Permanent
from stylecore.offpolicy.log import Log, check, coded

COLUMNS = ("position", "item_id", "click", "propensity_score")


def read(path: Path) -> Log:
    """The log in a CSV or CSV.gz. Raises Permanent where it cannot be read or is no such file."""
    rows = _rows(path)
    contexts, context = coded([row[0] for row in rows])
    actions, action = coded([row[1] for row in rows])
    try:
        reward = np.array([float(row[2]) for row in rows])
        propensity = np.array([float(row[3]) for row in rows])
    except ValueError as problem:
        raise Permanent(f"{path}: {problem}") from problem
    return check(
        Log(
            contexts=contexts,
            actions=actions,
            context=context,
            action=action,
            reward=reward,
            propensity=propensity,
            unit=np.arange(len(rows)),
        )
    )


def _rows(path: Path) -> list[tuple[str, ...]]:
    open_file = gzip.open if path.suffix == ".gz" else open
    try:
        with open_file(path, "rt", encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            lacking = set(COLUMNS) - set(table.fieldnames or ())
            if lacking:
                raise Permanent(f"{path} has no column {', '.join(sorted(lacking))}")
            return [tuple(row[name] or "" for name in COLUMNS) for row in table]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as problem:
        raise Permanent(f"cannot read {path}: {problem}") from problem
