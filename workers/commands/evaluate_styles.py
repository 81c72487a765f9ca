"""`stylecast evaluate styles`: ways to learn a shopper's style, on the same simulated shoppers."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import msgspec
import typer

from stylecore.recommender.simulator import INTEREST
from stylecore.style_trial.comparison import WayFigures, compare
from stylecore.style_trial.scenario import Tastes
from stylecore.style_trial.trial import CURVE, LISTS
from workers.commands.printing import JsonFlag, print_json, print_table

TASTES = {
    "tastes by chance": Tastes(),
    "tastes of which half lean by category": Tastes(leaning=0.5),
    "tastes by chance, a fifth of the clicks": Tastes(interest=INTEREST / 5),
}


def evaluate_styles(
    seeds: Annotated[int, typer.Option(min=2, help="Shops simulated.")] = 10,
    lists: Annotated[int, typer.Option(min=1, help="Lists that a shopper looks at.")] = LISTS,
    as_json: JsonFlag = False,
) -> None:
    """Regret against the best style for all and against each shopper's own; learning curves."""
    found = {
        name: compare(seeds, tastes, lists, lambda line: typer.echo(line, err=True))
        for name, tastes in TASTES.items()
    }
    if as_json:
        print_json(
            {name: [msgspec.to_builtins(row) for row in rows] for name, rows in found.items()}
        )
        return
    for name, rows in found.items():
        print_table(
            f"{name}; clicks lost of 100 items seen, {seeds} seeds, 95 % intervals",
            [_regret(row) for row in rows],
        )
        print_table(
            f"{name}; probability of the favourite by clicks made", [_curve(row) for row in rows]
        )


def _regret(row: WayFigures) -> dict[str, str]:
    return {
        "learner": row.name,
        "settings": ", ".join(f"{value:g}" for value in row.settings),
        "to own favourite": f"{row.regret:.2f} ± {row.regret_half_width:.2f}",
        "to best for all": f"{row.against_fixed:.2f} ± {row.against_fixed_half_width:.2f}",
        "more than ships": f"{row.more_than_ships:+.2f} ± {row.more_than_ships_half_width:.2f}",
    }


def _curve(row: WayFigures) -> dict[str, str]:
    ends = [f"{low} to {high - 1}" if high > low + 1 else str(low) for low, high in pairwise(CURVE)]
    names = [*ends, f"{CURVE[-1]} and more"]
    return {"learner": row.name} | {
        name: f"{share:.2f}" for name, share in zip(names, row.curve, strict=True)
    }
