"""Choose the hyperparameters on the newest actions of the stream, within a budget of time.

1. The newest actions are held out: those of the last hours, so many that there are QUESTIONS where
   the shop has them, and at most a fifth of all. Factors are fitted to what was before, of a sample
   of shoppers.
2. Each held-out action is a question: its product is to be foreseen from its shopper's actions
   before it (states keep their order), among the products new to the shopper. The measure is
   Recall@10.
3. From the settings in use, one after the other is tried: first what the fold-in needs (blend,
   scale, decay and number of newest products), then, with a fit each, regularization, alpha and
   width, as long as the next fit is expected to end within the budget.

A candidate replaces the one before only where it is ahead by ERRORS standard errors of the paired
difference, so that with little data, and between equals, the settings stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from msgspec import structs

from schemas.events import UserState
from stylecore.arrays import Bools, Ints
from stylecore.recommender.als import FitSettings, fit_unnamed
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors
from stylecore.recommender.foldin import whitening
from stylecore.recommender.interactions import ProductInteractions, by_product, gather
from stylecore.recommender.refit import BLOCK, ERRORS, HELD_OUT, MOST_HELD_OUT, PLACES, as_of
from stylecore.recommender.rules import Rules
from stylecore.recommender.shopper_vectors import scores_of_new

QUESTIONS, LEAST_QUESTIONS = 2000, 100
SAMPLE_SHOPPERS = 20_000

Change = Callable[[FitSettings], FitSettings]


def _field(name: str, value: float) -> Change:
    return lambda settings: replace(settings, **{name: value})  # type: ignore[arg-type]


def _recency(**fields: float) -> Change:
    return lambda settings: replace(settings, recency=replace(settings.recency, **fields))  # type: ignore[arg-type]


SERVED: tuple[Change, ...] = (
    *(_field("blend", blend) for blend in (0.0, 0.1, 0.3, 1.0)),
    *(_recency(decay=d, newest=n) for d, n in ((0.6, 10), (0.8, 20), (0.9, 50), (1.0, 200))),
    *(_recency(scale=scale) for scale in (1.0, 5.0, 20.0)),
)
"""What is tried without a fit, each on the best so far."""
FITTED: tuple[Change, ...] = (
    *(_field("regularization", value) for value in (1.0, 10.0, 0.05)),
    *(_field("width", width) for width in (32, 16, 128, 64)),
    *(_field("alpha", alpha) for alpha in (10.0, 1.0)),
)
"""What is tried with a fit each."""


@dataclass(frozen=True)
class Tuned:
    """The settings to fit with, and the figures behind them."""

    settings: FitSettings
    questions: int
    recall: float
    """Recall@10 with the settings; 0 where there were too few questions."""
    recall_before: float
    """The same with those that were in use."""

    def as_figures(self) -> dict[str, float]:
        """Return the figures by name, for the artifact and the log."""
        return {
            "width": float(self.settings.width),
            "search_questions": float(self.questions),
            "search_recall_at_10": round(self.recall, 5),
            "search_recall_at_10_before": round(self.recall_before, 5),
        }


def in_use(settings: FitSettings, parent: Factors | None) -> FitSettings:
    """Return the parent's hyperparameters where they were chosen here, else the settings."""
    if parent is None or "width" not in parent.figures:
        return settings
    return replace(
        settings,
        width=int(parent.figures["width"]),
        regularization=parent.regularization,
        alpha=parent.alpha,
        recency=parent.recency,
        blend=parent.blend,
    )


def hyperparameters(settings: FitSettings) -> dict[str, float]:
    """Return what is chosen, by name."""
    return {
        "width": settings.width,
        "regularization": settings.regularization,
        "alpha": settings.alpha,
        "scale": settings.recency.scale,
        "decay": settings.recency.decay,
        "newest": settings.recency.newest,
        "blend": settings.blend,
    }


def tune(
    states: Sequence[UserState],
    catalogue: Catalogue,
    settings: FitSettings,
    rules: Rules,
    now: datetime,
    seconds: float,
    clock: Callable[[], float],
) -> Tuned:
    """Return the best settings found within the budget, starting from these."""
    ends = clock() + seconds
    unchanged = Tuned(settings, 0, 0.0, 0.0)
    known = [state for state in states if state.interactions]
    sample = known[:: -(-len(known) // SAMPLE_SHOPPERS) or 1]
    since = start_of_questions(sample, now)
    before = [as_of(state, since) for state in sample]
    began = clock()
    factors = fit_unnamed(before, catalogue, None, settings, rules, since)
    fit_seconds = clock() - began
    if factors is None:
        return unchanged
    exam = _exam(sample, since, factors, rules)
    if len(exam.wanted) < LEAST_QUESTIONS:
        return replace(unchanged, questions=len(exam.wanted))
    first = best = exam.hits(factors)
    for change in SERVED:
        if clock() >= ends:
            break
        candidate = change(settings)
        hits = exam.hits(replace(factors, recency=candidate.recency, blend=candidate.blend))
        if _is_better(hits, best):
            settings, best = candidate, hits
    for change in FITTED:
        candidate = change(settings)
        if candidate == settings:
            continue
        if clock() + fit_seconds >= ends:
            break
        fitted = fit_unnamed(before, catalogue, None, candidate, rules, since)
        hits = best if fitted is None else exam.hits(fitted)
        if _is_better(hits, best):
            settings, best = candidate, hits
    return Tuned(settings, len(best), float(best.mean()), float(first.mean()))


def start_of_questions(states: Sequence[UserState], now: datetime) -> datetime:
    """Return since when actions are held out."""
    times = np.sort([item.updated_at.timestamp() for s in states for item in s.interactions])
    if not len(times):
        return now
    enough = times[max(0, len(times) - QUESTIONS)]
    most = times[int((1.0 - MOST_HELD_OUT) * (len(times) - 1))]
    since = max(min((now - HELD_OUT).timestamp(), float(enough)), float(most))
    return datetime.fromtimestamp(since, now.tzinfo)


def _is_better(hits: Bools, best: Bools) -> bool:
    difference = hits.astype(np.float64) - best
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return bool(difference.mean() > ERRORS * error)


@dataclass(frozen=True, slots=True)
class _Exam:
    """Q questions: the interactions before each, and the product that came next."""

    blocks: list[ProductInteractions]
    """Of BLOCK questions each."""
    wanted: Ints
    """[Q], rows of the factors."""

    def hits(self, factors: Factors) -> Bools:
        """Return whether each question's product is among the ten best, [Q]."""
        white = whitening(factors.fitted_factors, factors.regularization)
        features = white.whiten(factors.product_factors)
        everything = np.arange(len(features))
        found = np.zeros(len(self.wanted), dtype=np.bool_)
        for number, interactions in enumerate(self.blocks):
            block = slice(number * BLOCK, (number + 1) * BLOCK)
            scores = scores_of_new(factors, features, interactions, everything)
            wanted = scores[np.arange(len(scores)), self.wanted[block]][:, None]
            found[block] = (scores > wanted).sum(axis=1) < PLACES
        return found


def _exam(states: Sequence[UserState], since: datetime, factors: Factors, rules: Rules) -> _Exam:
    """Return the newest QUESTIONS: each action since then on a product that the factors have."""
    row_of = {name: row for row, name in enumerate(factors.product_ids)}
    asked: list[tuple[datetime, int, int]] = []
    for number, state in enumerate(states):
        for place, item in enumerate(state.interactions):
            is_wanted = item.dismissed_at is None and item.product_id in row_of
            if item.updated_at <= since or not is_wanted or not place:
                continue
            earlier = {other.product_id for other in state.interactions[:place]}
            if item.product_id not in earlier:
                asked.append((item.updated_at, number, place))
    asked = sorted(asked)[-QUESTIONS:]
    before = [
        structs.replace(states[number], interactions=states[number].interactions[:place])
        for _, number, place in asked
    ]
    wanted = [row_of[states[number].interactions[place].product_id] for _, number, place in asked]
    blocks = [
        by_product(gather(before[first : first + BLOCK], since, rules, row_of, {}), len(row_of))
        for first in range(0, len(before), BLOCK)
    ]
    return _Exam(blocks, np.array(wanted, dtype=np.int64))
