"""One learner on one scenario: list after list, what it showed, what it lost, how fast it learnt.

What products are shown, who looks how far and who would click are drawn before any learner acts, so
that all learners meet the same shoppers. Losses are of expected clicks, not of drawn ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints
from stylecore.recommender.simulator import EXAMINED
from stylecore.recommender.style_policy import draw
from stylecore.style_trial.learner import Impressions, Learner
from stylecore.style_trial.scenario import Scenario

LISTS, ITEMS = 50, 10
CURVE = (0, 1, 2, 4, 8)
"""Lower ends of the classes of clicks a shopper has made: 0, 1, 2 to 3, 4 to 7, 8 and more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one learner on one scenario; expected clicks are of 100 items seen."""

    clicks: float
    fixed: float
    """What the best of the styles, the same for all shoppers and lists, would have had."""
    oracle: float
    """What each shopper's favourite would have had."""
    curve: Doubles
    """[len(CURVE)], the probability of the favourite by clicks so far; not a number if none."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What is drawn for a round of lists: one of each shopper."""

    products: Ints
    """[B, n]"""
    seen: Bools
    """[B, n]"""
    draws: Doubles
    """[B, n, K], in (0, 1), for the choice."""
    moods: Doubles
    """[B, n], in [0, 1): a click where under the chance."""


def visit(scenario: Scenario, seed: int, number: int) -> Visit:
    """The same for every learner."""
    random = np.random.default_rng((seed, number))
    shape = len(scenario.favourite), ITEMS
    keys = random.random((shape[0], len(scenario.category)))
    goes_on = np.cumprod(random.random(shape) < EXAMINED, axis=1).astype(np.bool_)
    seen = np.hstack([np.ones((shape[0], 1), dtype=np.bool_), goes_on[:, :-1]])
    return Visit(
        products=keys.argsort(axis=1)[:, :ITEMS],
        seen=seen,
        draws=random.uniform(1e-12, 1.0, size=(*shape, scenario.styles)),
        moods=random.random(shape),
    )


def trial(learner: Learner, scenario: Scenario, seed: int, lists: int = LISTS) -> Outcome:
    """The learner on as many lists a shopper."""
    shoppers = np.arange(len(scenario.favourite))
    clicks = np.zeros(len(shoppers), dtype=np.int64)
    expected = oracle = looked = 0.0
    fixed = np.zeros(scenario.styles)
    curve = np.zeros((2, len(CURVE)))
    for number in range(lists):
        now = visit(scenario, seed, number)
        chances = scenario.chances(now.products)
        shares = learner.probabilities()[shoppers[:, None], scenario.category[now.products]]
        seen = _look(scenario, now, shares, chances)
        expected += float((shares * chances).sum(axis=2)[now.seen].sum())
        fixed += chances[now.seen].sum(axis=0)
        oracle += float(chances.max(axis=2)[now.seen].sum())
        looked += float(now.seen.sum())
        favourite = shares[shoppers, :, scenario.favourite].mean(axis=1)
        step = np.searchsorted(CURVE, clicks, side="right") - 1
        curve += [np.bincount(step, values, len(CURVE)) for values in (favourite, clicks * 0 + 1)]
        learner.learn(seen)
        clicks += np.bincount(seen.shopper, seen.clicked, len(shoppers)).astype(np.int64)
    share = np.divide(curve[0], curve[1], out=np.full(len(CURVE), np.nan), where=curve[1] > 0)
    scale = 100.0 / looked
    return Outcome(expected * scale, float(fixed.max()) * scale, oracle * scale, share)


def _look(scenario: Scenario, now: Visit, shares: Doubles, chances: Doubles) -> Impressions:
    """Styles are drawn, looked at and clicked."""
    choice = draw(shares, now.draws)
    chance = np.take_along_axis(chances, choice.columns[:, :, None], axis=2)[:, :, 0]
    shopper, place = np.nonzero(now.seen)
    product = now.products[shopper, place]
    return Impressions(
        shopper=shopper,
        product=product,
        category=scenario.category[product],
        style=choice.columns[shopper, place],
        propensity=choice.propensities[shopper, place],
        clicked=(now.moods < chance)[shopper, place],
    )
