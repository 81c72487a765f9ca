"""Learners of a shopper's favourite style, compared on the same simulated shoppers.

scenario (who likes what) -> visit (what is shown and seen in one round of lists) -> learner (style
probabilities, updated from impressions) -> trial (expected clicks and learning curve). A learner is
what ships or one of the two best others of deploy/EVALUATION.md. All of them explore with the same
floor, so that every choice has an exact propensity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints
from stylecore.recommender.rules import Rules
from stylecore.recommender.simulator import EXAMINED, INTEREST, click_chance, shopper
from stylecore.recommender.state import style_evidence
from stylecore.recommender.style_policy import (
    ChoiceRules,
    draw,
    log_odds,
    propensities,
    style_priors,
)

SHOPPERS, PRODUCTS, CATEGORIES, STYLES = 100, 60, 6, 10
LISTS, ITEMS = 50, 10
FLOOR = 0.1
"""Probability spread evenly over all styles, as `ChoiceRules.exploration`."""
CURVE = (0, 1, 2, 4, 8)
"""Lower bounds of the classes of clicks so far: 0, 1, 2 to 3, 4 to 7, 8 and more."""


@dataclass(frozen=True, slots=True)
class Tastes:
    """How the shoppers of a shop are drawn."""

    leaning: float = 0.0
    """0 to 1, the share of shoppers whose favourite style follows from a category they like."""
    interest: float = INTEREST
    """Click probability of a seen item that matches neither style nor category."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """B shoppers, P products in C categories, K styles."""

    favourite: Ints
    """[B]"""
    likes: Bools
    """[B, C]"""
    category: Ints
    """[P]"""
    interest: float

    def chances(self, products: Ints) -> Doubles:
        """Click probabilities of seen products [B, n] in each style, [B, n, K]."""
        liked = np.take_along_axis(self.likes, self.category[products], axis=1)
        matches = np.arange(STYLES) == self.favourite[:, None]
        both = (False, True)
        table = np.array([[click_chance(s, c, self.interest) for c in both] for s in both])
        chances: Doubles = table[matches[:, None, :].astype(int), liked[:, :, None].astype(int)]
        return chances


def scenario(seed: int, tastes: Tastes = Tastes()) -> Scenario:
    """SHOPPERS shoppers of `stylecore.recommender.simulator` with these tastes."""
    random = np.random.default_rng(seed)
    styles = [str(style) for style in range(STYLES)]
    categories = [str(category) for category in range(CATEGORIES)]
    people = [shopper(str(n), styles, categories, random) for n in range(SHOPPERS)]
    likes = np.array([[name in person.categories for name in categories] for person in people])
    favourite = np.array([int(person.style_id) for person in people])
    leads = random.permutation(STYLES)[:CATEGORIES][likes.argmax(axis=1)]
    follows = random.random(SHOPPERS) < tastes.leaning
    return Scenario(
        favourite=np.where(follows, leads, favourite),
        likes=likes,
        category=np.arange(PRODUCTS) % CATEGORIES,
        interest=tastes.interest,
    )


@dataclass(frozen=True, slots=True)
class Impressions:
    """N items that were seen, [N] each."""

    shopper: Ints
    category: Ints
    style: Ints
    propensity: Doubles
    clicked: Bools


class Learner(Protocol):
    """Estimates which style each shopper prefers."""

    def probabilities(self) -> Doubles:
        """Style probabilities [B, C, K]; rows sum to 1, no entry is below FLOOR / K."""
        ...

    def learn(self, seen: Impressions) -> None:
        """Update from the impressions of one round of lists."""
        ...


class Counts:
    """What ships: the posterior of the favourite style from impressions and actions.

    Uses the product's own functions. As in the product, impressions count only for shoppers who
    have acted before, a first click counts by its propensity, and a list changes when its shopper
    acts.
    """

    def __init__(self) -> None:
        self._rules, self._choice_rules = Rules(), replace(ChoiceRules(), exploration=FLOOR)
        self._seen, self._acted, self._first = np.zeros((3, SHOPPERS, STYLES))
        self._known = np.zeros(SHOPPERS, dtype=np.bool_)
        self._category_style = np.zeros((CATEGORIES, STYLES))
        self._shares = np.full((SHOPPERS, CATEGORIES, STYLES), 1.0 / STYLES)
        self._due = np.ones(SHOPPERS, dtype=np.bool_)

    def probabilities(self) -> Doubles:
        affinities = log_odds(self._seen, self._acted, self._first, self._rules)[self._due]
        priors = style_priors(self._category_style.astype(np.float32), self._choice_rules)[:-1]
        shape = (len(affinities), *priors.shape)
        there = np.ones(shape, dtype=np.bool_)
        self._shares[self._due] = propensities(
            affinities, np.broadcast_to(priors, shape), there, self._choice_rules
        )
        self._due[:] = False
        return self._shares

    def learn(self, seen: Impressions) -> None:
        evidence = [style_evidence(propensity, self._rules) for propensity in seen.propensity]
        known, place = self._known[seen.shopper], (seen.shopper, seen.style)
        np.add.at(self._seen, place, known)
        np.add.at(self._acted, place, known & seen.clicked)
        np.add.at(self._first, place, np.where(seen.clicked & ~known, evidence, 0.0))
        pair = (seen.category, seen.style)
        np.add.at(self._category_style, pair, np.where(seen.clicked, evidence, 0.0))
        self._known[seen.shopper[seen.clicked]] = True
        self._due[seen.shopper[seen.clicked]] = True


class Posterior:
    """The posterior of the favourite style when the click probability is known.

    With click probability q in any style and `odds * q` in the favourite, an impression in style s
    moves the log-odds of s by log(odds) when clicked and by log((1 - odds q) / (1 - q)) when not
    (Bayes' rule). No propensity is needed.
    """

    def __init__(self, odds: float, chance: float) -> None:
        self._clicked = float(np.log(odds))
        self._passed = float(np.log((1.0 - odds * chance) / (1.0 - chance)))
        self._log_odds = np.zeros((SHOPPERS, STYLES))
        self._category_style = np.zeros((CATEGORIES, STYLES))

    def probabilities(self) -> Doubles:
        return _softmax_with_priors(self._log_odds, self._category_style)

    def learn(self, seen: Impressions) -> None:
        moves = np.where(seen.clicked, self._clicked, self._passed)
        np.add.at(self._log_odds, (seen.shopper, seen.style), moves)
        np.add.at(self._category_style, (seen.category, seen.style), np.maximum(moves, 0.0))


class ClickPosterior:
    """The posterior of the favourite style from clicks alone.

    Given a click, its style is s with probability p_s r / (1 + p_f (r - 1)) if s is the favourite f
    and p_s / (1 + p_f (r - 1)) otherwise (policy's probabilities p, odds r of the favourite). So a
    click adds log r to its own style and takes log(1 + p_f (r - 1)) from every style f.
    """

    def __init__(self, odds: float) -> None:
        self._odds = odds
        self._log_odds = np.zeros((SHOPPERS, STYLES))
        self._category_style = np.zeros((CATEGORIES, STYLES))
        self._shares = np.full((SHOPPERS, CATEGORIES, STYLES), 1.0 / STYLES)

    def probabilities(self) -> Doubles:
        self._shares = _softmax_with_priors(self._log_odds, self._category_style)
        return self._shares

    def learn(self, seen: Impressions) -> None:
        own = seen.clicked
        shopper, category, style = seen.shopper[own], seen.category[own], seen.style[own]
        shares = self._shares[shopper, category]
        np.add.at(self._log_odds, shopper, -np.log1p(shares * (self._odds - 1.0)))
        np.add.at(self._log_odds, (shopper, style), np.log(self._odds))
        np.add.at(self._category_style, (category, style), 1.0)


def _softmax_with_priors(log_odds: Doubles, category_style: Doubles) -> Doubles:
    """Softmax of log-odds [B, K] plus log shares by category [C, K], with the floor: [B, C, K]."""
    priors = style_priors(category_style.astype(np.float32), ChoiceRules())[:-1]
    scores = log_odds[:, None] + np.log(priors)[None]
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    softmax = powers / powers.sum(axis=-1, keepdims=True)
    mixed: Doubles = (1.0 - FLOOR) * softmax + FLOOR / STYLES
    return mixed


SHIPS = "posterior of impressions and actions (ships)"
LEARNERS = {
    SHIPS: (Counts, ((),)),
    "posterior with impressions, click probability known": (
        Posterior,
        ((4.0, 0.008), (4.0, 0.04), (4.0, 0.08), (8.0, 0.008), (8.0, 0.04), (8.0, 0.08)),
    ),
    "posterior of clicks": (ClickPosterior, ((4.0,), (7.0,))),
}
"""Name to class and the arguments tried."""
TUNING_SEEDS = (9001, 9002)


def tuned(name: str, tastes: Tastes, lists: int) -> tuple[float, ...]:
    """The arguments of a learner with the most expected clicks on the tuning seeds."""
    kind, grid = LEARNERS[name]
    if len(grid) == 1:
        return grid[0]

    def clicks(given: tuple[float, ...]) -> float:
        shops = [(seed, scenario(seed, tastes)) for seed in TUNING_SEEDS]
        return sum(trial(kind(*given), shop, seed, lists).clicks for seed, shop in shops)

    return max(grid, key=clicks)


@dataclass(frozen=True, slots=True)
class Visit:
    """What is drawn for one list of every shopper, n items each."""

    products: Ints
    """[B, n]"""
    seen: Bools
    """[B, n]"""
    draws: Doubles
    """[B, n, K], in (0, 1), for the choice of the style."""
    moods: Doubles
    """[B, n], in [0, 1): a click where below the click probability."""


def visit(shop: Scenario, seed: int, number: int) -> Visit:
    """Draw the `number`th round, the same for every learner."""
    random = np.random.default_rng((seed, number))
    shape = len(shop.favourite), ITEMS
    keys = random.random((shape[0], len(shop.category)))
    goes_on = np.cumprod(random.random(shape) < EXAMINED, axis=1).astype(np.bool_)
    seen = np.hstack([np.ones((shape[0], 1), dtype=np.bool_), goes_on[:, :-1]])
    return Visit(
        products=keys.argsort(axis=1)[:, :ITEMS],
        seen=seen,
        draws=random.uniform(1e-12, 1.0, size=(*shape, STYLES)),
        moods=random.random(shape),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one learner on one scenario; expected clicks are per 100 items seen."""

    clicks: float
    fixed: float
    """Clicks of the best single style, the same for all shoppers and lists."""
    oracle: float
    """Clicks when every item is in its shopper's favourite style."""
    curve: Doubles
    """[len(CURVE)], probability of the favourite by clicks so far; NaN where there is none."""


def trial(learner: Learner, shop: Scenario, seed: int, lists: int = LISTS) -> Outcome:
    """Show every shopper `lists` lists, letting the learner update after each."""
    shoppers = np.arange(len(shop.favourite))
    clicks = np.zeros(len(shoppers), dtype=np.int64)
    expected = oracle = looked = 0.0
    fixed = np.zeros(STYLES)
    curve = np.zeros((2, len(CURVE)))
    for number in range(lists):
        now = visit(shop, seed, number)
        chances = shop.chances(now.products)
        shares = learner.probabilities()[shoppers[:, None], shop.category[now.products]]
        seen = _impressions(shop, now, shares, chances)
        # Expected clicks instead of drawn ones: less noise for the same number of shops.
        expected += float((shares * chances).sum(axis=2)[now.seen].sum())
        fixed += chances[now.seen].sum(axis=0)
        oracle += float(chances.max(axis=2)[now.seen].sum())
        looked += float(now.seen.sum())
        favourite = shares[shoppers, :, shop.favourite].mean(axis=1)
        step = np.searchsorted(CURVE, clicks, side="right") - 1
        curve += [np.bincount(step, values, len(CURVE)) for values in (favourite, clicks * 0 + 1)]
        learner.learn(seen)
        clicks += np.bincount(seen.shopper, seen.clicked, len(shoppers)).astype(np.int64)
    share = np.divide(curve[0], curve[1], out=np.full(len(CURVE), np.nan), where=curve[1] > 0)
    scale = 100.0 / looked
    return Outcome(expected * scale, float(fixed.max()) * scale, oracle * scale, share)


def _impressions(shop: Scenario, now: Visit, shares: Doubles, chances: Doubles) -> Impressions:
    """Draw styles by `shares` [B, n, K] and clicks by `chances` [B, n, K]."""
    choice = draw(shares, now.draws)
    chance = np.take_along_axis(chances, choice.columns[:, :, None], axis=2)[:, :, 0]
    shopper, place = np.nonzero(now.seen)
    return Impressions(
        shopper=shopper,
        category=shop.category[now.products[shopper, place]],
        style=choice.columns[shopper, place],
        propensity=choice.propensities[shopper, place],
        clicked=(now.moods < chance)[shopper, place],
    )
