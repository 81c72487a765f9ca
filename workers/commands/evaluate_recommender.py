"""`stylecast evaluate policy / preferences`: the recommender on logs.

`policy` estimates what another choice of style would have earned, from impressions, clicks and
propensities of feedback.events.v1, of JSON lines of the same events, or of the Open Bandit Dataset.
Products and positions are those of the log: only the style differs. `preferences` predicts each
event of a stream in time order before learning from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from msgspec import Struct

from schemas.codec import InvalidEvent, decode
from schemas.events import Feedback
from schemas.topics import FEEDBACK
from stylecore.arrays import Doubles
from stylecore.errors import Permanent
from stylecore.evaluation import feedback_log
from stylecore.evaluation.feedback_log import Joined, join
from stylecore.evaluation.off_policy import Log
from stylecore.evaluation.off_policy_report import (
    SMALLEST_SAMPLE,
    Estimate,
    TargetReport,
    always,
    averaged,
    counted,
    evaluate_target,
    even,
    own_value,
)
from stylecore.evaluation.prequential import Protocol, run
from stylecore.evaluation.prequential_data import Ratings, read, stream
from stylecore.recommender.als import FitSettings
from stylecore.recommender.rules import Rules
from workers.commands.events import read_lines
from workers.commands.printing import JsonFlag, print_json, print_line, print_table
from workers.kafka.table import partitions_of, read_partitions
from workers.settings import load_settings

EVEN = "even"
Named = tuple[str, Doubles]
Reward = Literal["click", "cart", "purchase"]
"""What an impression is rewarded by."""


class PolicyReport(Struct, frozen=True, kw_only=True):
    """Everything that the command says."""

    choices: int
    impressions_left_out: int
    actions_left_out: int
    logged: Estimate
    target_log: Estimate | None
    """The other log's own value, where there is one to compare with."""
    targets: tuple[TargetReport, ...]


def evaluate_policy(
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON lines of feedback, or an Open Bandit CSV[.gz]; else the topic."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help=f"'{EVEN}' or a style, always; repeatable.")
    ] = None,
    target_log: Annotated[
        Path | None, typer.Option(help="A log of the policy that is asked about.")
    ] = None,
    reward: Annotated[Reward, typer.Option(help="What counts as success.")] = "click",
    policy: Annotated[str | None, typer.Option(help="Only impressions of this policy.")] = None,
    smallest_sample: Annotated[
        float, typer.Option(min=1, help="Effective sample under which no figure is given.")
    ] = SMALLEST_SAMPLE,
    seed: Annotated[int, typer.Option(min=0, help="Of replay and of the bootstrap.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Print replay, IPS, SNIPS and doubly robust estimates, or why there are none."""
    source = _topic(reward, policy) if file is None else _file(file, reward, policy)
    other = None if target_log is None else _file(target_log, reward, None).log
    random = np.random.default_rng(seed)
    report = PolicyReport(
        choices=len(source.log),
        impressions_left_out=source.impressions_left_out,
        actions_left_out=source.actions_left_out,
        logged=own_value(source.log, random),
        target_log=None if other is None else own_value(other, random),
        targets=tuple(
            evaluate_target(name, source.log, shares, random, smallest_sample)
            for name, shares in _targets(source.log, target, other)
        ),
    )
    if as_json:
        print_json(report)
    else:
        _print(report)


def _targets(log: Log, names: list[str] | None, other: Log | None) -> Iterator[Named]:
    """Yield the targets asked for; without any, even chances and each style always."""
    if other is not None:
        yield "the other, by propensity", averaged(log, other)
        yield "the other, by counts", counted(log, other)
    for name in names or ([] if other else [EVEN, *log.actions]):
        yield (EVEN, even(log)) if name == EVEN else (f"always {name}", always(log, name))


def _file(path: Path, reward: Reward, policy: str | None) -> Joined:
    """Raises Permanent where the file cannot be read or a line is wrong."""
    if path.name.endswith((".csv", ".csv.gz")):
        return Joined(feedback_log.read(path), 0, 0)
    events = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            if line.strip():
                events.append(decode(Feedback, line))
        except InvalidEvent as problem:
            raise Permanent(f"{path}, line {number}: {problem}") from problem
    return join(events, reward, policy)


def _topic(reward: Reward, policy: str | None) -> Joined:
    """Read the retained part of the topic. An unreadable record is reported and skipped."""
    settings = load_settings()
    events: list[Feedback] = []
    for record in read_partitions(settings, partitions_of(settings, [FEEDBACK])):
        if record.value is None:  # a shopper was forgotten
            continue
        try:
            events.append(decode(Feedback, record.value))
        except InvalidEvent as problem:
            print_line(f"{record.partition}/{record.offset} passed over: {problem}")
    return join(events, reward, policy)


def _print(report: PolicyReport) -> None:
    title = f"{report.choices} choices"
    if report.impressions_left_out or report.actions_left_out:
        title += (
            f"; left out: {report.impressions_left_out} impressions without propensity or style, "
            f"{report.actions_left_out} actions without their impression"
        )
    rows = [_row("as logged", 1.0, report.logged)]
    if report.target_log is not None:
        rows.append(_row("the other, as logged", 1.0, report.target_log))
    for target in report.targets:
        rows += [_row(target.target, target.supported, one) for one in target.estimates]
    print_table(title, rows)


def _row(name: str, supported: float, found: Estimate) -> dict[str, str]:
    interval = "" if found.low is None else f"{found.low:.5f} to {found.high:.5f}"
    return {
        "policy": name,
        "estimate": found.method,
        "value": found.refused or f"{found.value:.5f}",
        "95 % interval": interval,
        "effective sample": f"{found.effective_sample:.0f}",
        "of the log": f"{supported:.0%}",
    }


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
    """Print recall, nDCG, coverage and novelty of what ships and of what it is compared with."""
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
    err = typer.get_text_stream("stderr")
    with typer.progressbar(length=len(rows), label="events", file=err) as bar:
        bar.update(round(len(rows) * protocol.warm_up))
        found = run(rows, protocol, Rules(), FitSettings(seed=seed), bar.update)
    if as_json:
        print_json(found)
        return
    print_table(
        f"{found.events} events of {found.shoppers} shoppers and {found.products} products"
        f"{'' if file else ', simulated'}; {found.predicted} predicted, {found.refits} refits",
        [
            {
                "learner": row.learner,
                "Recall@10": row.recall_at_10,
                "95 % interval": f"{row.low:.3f} to {row.high:.3f}",
                "nDCG@10": row.ndcg_at_10,
                "coverage": row.coverage,
                "novelty, bits": row.novelty,
            }
            for row in found.rows
        ],
    )
