"""How well the next product is foreseen on the simulated shop, beside item-to-item.

`python tests/benchmarks/bench_recall.py` prints it; `stylecast evaluate preferences` has the other
learners and the intervals.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from rows import Row, row  # noqa: E402

from stylecore.evaluation.prequential import ITEM_TO_ITEM, SHIPS, Protocol, run  # noqa: E402
from stylecore.evaluation.prequential_data import stream  # noqa: E402
from stylecore.recommender.als import FitSettings  # noqa: E402
from stylecore.recommender.rules import Rules  # noqa: E402

LEVEL = 0.97
"""Of the baseline: the difference that chance makes with these shoppers."""


def recall_at_10() -> Row:
    """Share of events whose product was among the ten best just before."""
    found = run(stream(0), Protocol(), Rules(), FitSettings())
    recalls = {figures.learner: figures.recall_at_10 for figures in found.rows}
    baseline = "item-to-item: co-counts, the newest five, .8^rank, by the root of popularity"
    return row(
        "recall_at_10",
        recalls[SHIPS],
        "of events",
        baseline,
        recalls[ITEM_TO_ITEM],
        at_least=LEVEL,
        all_learners={name: round(value, 4) for name, value in recalls.items()},
    )


FIGURES = {"recall_at_10": recall_at_10}


if __name__ == "__main__":
    print(json.dumps(recall_at_10()))
