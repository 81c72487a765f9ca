"""`stylecast evaluate preferences`: a stream in the order of time, predicted and then learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stylecore.evaluation.prequential import Prequential, Protocol
from stylecore.evaluation.prequential_data import Ratings, Row, read, stream
from stylecore.recommender.rules import Rules
from workers.commands.printing import JsonFlag, print_json, print_table

Column = Annotated[str | None, typer.Option(help="Name of the column; guessed when left out.")]


def evaluate_preferences(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV of user, item, time, rating or kind; else simulated shoppers."),
    ] = None,
    user_column: Column = None,
    item_column: Column = None,
    time_column: Column = None,
    rating_column: Column = None,
    kind_column: Column = None,
    category_column: Column = None,
    liked: Annotated[float, typer.Option(help="A rating from here on is a click.")] = 0.0,
    disliked: Annotated[float, typer.Option(help="A rating up to here is a dismissal.")] = float(
        "-inf"
    ),
    warm_up: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Share learnt before any prediction.")
    ] = 0.5,
    refit_events: Annotated[int, typer.Option(min=1, help="Events between refits.")] = 5000,
    every: Annotated[
        int, typer.Option(min=1, help="Predict one of so many events; all are learnt.")
    ] = 1,
    repeats: Annotated[
        bool, typer.Option(help="Products that a shopper has touched may come again.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Recall, nDCG, coverage and novelty of popularity, static factors, fold-in and refits."""
    columns = {
        "user": user_column,
        "item": item_column,
        "time": time_column,
        "rating": rating_column,
        "kind": kind_column,
        "category": category_column,
    }
    rows = stream(seed) if file is None else read(file, columns, Ratings(liked, disliked))
    protocol = Protocol(
        warm_up=warm_up, refit_events=refit_events, every=every, repeats=repeats, seed=seed
    )
    found = _run(rows, protocol, seed)
    if as_json:
        print_json(found)
        return
    print_table(
        f"{found.events} events of {found.shoppers} shoppers and {found.products} products"
        f"{'' if file else ', simulated'}; {found.predicted} predicted, {found.refits} refits",
        [
            {
                "learner": row.name,
                "Recall@10": row.recall,
                "95 % interval": f"{row.recall_low:.3f} to {row.recall_high:.3f}",
                "nDCG@10": row.ndcg,
                "coverage": row.coverage,
                "novelty, bits": row.novelty,
            }
            for row in found.rows
        ],
    )


def _run(rows: list[Row], protocol: Protocol, seed: int) -> Prequential:
    from stylecore.evaluation.prequential import run
    from stylecore.recommender.als import FitSettings

    err = typer.get_text_stream("stderr")
    with typer.progressbar(length=len(rows), label="events", file=err) as bar:
        bar.update(round(len(rows) * protocol.warm_up))
        return run(rows, protocol, Rules(), FitSettings(seed=seed), bar.update)
