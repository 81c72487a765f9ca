"""All learners on the same scenarios: means over seeds, their intervals, and who beats what ships.

Settings of the learners that do not ship are the best of a small grid on TUNING_SEEDS. Those of
what ships and of what shipped before were chosen by looking at these and two more such seeds,
several times over: they are no less tuned than the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from msgspec import Struct
from scipy.special import stdtrit  # scipy.stats takes seconds to import

from stylecore.arrays import Doubles
from stylecore.recommender.rules import Rules
from stylecore.recommender.style_policy import ChoiceRules
from stylecore.style_trial.click_posterior import ClickPosterior
from stylecore.style_trial.counts import Counts
from stylecore.style_trial.joint_als import JointALS
from stylecore.style_trial.learner import Learner
from stylecore.style_trial.log_odds import LogOdds
from stylecore.style_trial.posterior import Posterior
from stylecore.style_trial.rates import Rates
from stylecore.style_trial.scenario import (
    CATEGORIES,
    PRODUCTS,
    SHOPPERS,
    STYLES,
    Tastes,
    scenario,
)
from stylecore.style_trial.style_als import StyleALS
from stylecore.style_trial.trial import LISTS, Outcome, trial

SHIPS = "posterior of impressions and actions (ships)"
Settings = tuple[float, ...]
TUNING_SEEDS = (9001, 9002)


class Way(Struct, frozen=True):
    """A learner by name, how it is made from settings, and the settings tried."""

    name: str
    make: Callable[..., Learner]
    grid: tuple[Settings, ...] = ((),)


def counts(odds: float, rate: float) -> Counts:
    """What ships, with these odds of the favourite and this usual rate of actions."""
    rules = Rules(style_odds=odds, usual_rate=rate)
    return Counts(SHOPPERS, CATEGORIES, STYLES, rules, ChoiceRules())


def log_odds(odds: float, bound: float) -> LogOdds:
    """What shipped before, with these odds of the favourite and this bound of an affinity."""
    rules, choice_rules = Rules(style_odds=odds), ChoiceRules(most_affinity=bound)
    return LogOdds(SHOPPERS, PRODUCTS, CATEGORIES, STYLES, rules, choice_rules)


def posterior(odds: float, chance: float) -> Posterior:
    """What is told the chance of a click, and makes every list anew."""
    return Posterior(SHOPPERS, CATEGORIES, STYLES, odds, chance)


WAYS = (
    Way(SHIPS, lambda: counts(Rules().style_odds, Rules().usual_rate)),
    Way("the same, other odds and rates", counts, ((4.0, 0.05), (7.0, 0.05), (10.0, 0.01))),
    Way("log-odds by propensity (shipped before)", lambda: log_odds(7.0, 12.0)),
    Way("the same, odds 4, bound 6 (shipped first)", lambda: log_odds(4.0, 6.0)),
    Way(
        "posterior of clicks",
        lambda odds: ClickPosterior(SHOPPERS, CATEGORIES, STYLES, odds),
        ((4.0,), (7.0,)),
    ),
    Way(
        "posterior with impressions, told the chance of a click",
        posterior,
        tuple(product((4.0, 8.0), (0.008, 0.04, 0.08))),
    ),
    Way("the same, told .04 whatever the shop", lambda: posterior(8.0, 0.04)),
    Way(
        "smoothed rates",
        lambda prior, heat: Rates(SHOPPERS, CATEGORIES, STYLES, prior, heat),
        tuple(product((5.0, 20.0), (0.2, 0.4))),
    ),
    Way(
        "shopper x style ALS",
        lambda heat: StyleALS(SHOPPERS, CATEGORIES, STYLES, heat),
        ((0.05,), (0.1,), (0.2,)),
    ),
    Way(
        "one ALS of products, styles, pairs",
        lambda heat: JointALS(SHOPPERS, PRODUCTS, CATEGORIES, STYLES, heat),
        ((0.1,), (0.2,), (0.4,)),
    ),
)


class WayFigures(Struct, frozen=True, kw_only=True):
    """A row of the table; half-widths are of 95 % intervals over seeds."""

    name: str
    settings: Settings
    regret: float
    """Clicks of 100 seen that are lost against each shopper's favourite."""
    regret_half_width: float
    against_fixed: float
    """The same against the best style for all: below 0 it is better than that."""
    against_fixed_half_width: float
    more_than_ships: float
    """Regret less that of what ships, on the same seeds: below 0 it is better."""
    more_than_ships_half_width: float
    curve: tuple[float, ...]
    """Mean probability of the favourite by clicks so far (`trial.CURVE`)."""


def compare(
    seeds: int, tastes: Tastes, lists: int = LISTS, told: Callable[[str], None] = lambda _: None
) -> list[WayFigures]:
    """A row a way, over seeds 0 to seeds - 1."""
    rows = []
    ships: Doubles = np.zeros(0)
    for way in WAYS:
        settings = tuned(way, tastes, lists)
        outcomes = run(way, settings, range(seeds), tastes, lists)
        regret = np.array([one.oracle - one.clicks for one in outcomes])
        ships = regret if way.name == SHIPS else ships
        rows.append(_figures(way.name, settings, outcomes, regret, regret - ships))
        told(f"{way.name}: {rows[-1].regret:.2f} of 100 lost")
    return rows


def tuned(way: Way, tastes: Tastes, lists: int) -> Settings:
    """The settings with the least regret on the tuning seeds."""
    if len(way.grid) == 1:
        return way.grid[0]

    def clicks(settings: Settings) -> float:
        return sum(one.clicks for one in run(way, settings, TUNING_SEEDS, tastes, lists))

    return max(way.grid, key=clicks)


def run(
    way: Way, settings: Settings, seeds: Sequence[int], tastes: Tastes, lists: int
) -> list[Outcome]:
    """One outcome a seed."""
    return [trial(way.make(*settings), scenario(seed, tastes), seed, lists) for seed in seeds]


def _figures(
    name: str, settings: Settings, outcomes: list[Outcome], regret: Doubles, more: Doubles
) -> WayFigures:
    fixed = np.array([one.fixed - one.clicks for one in outcomes])
    return WayFigures(
        name=name,
        settings=settings,
        regret=float(regret.mean()),
        regret_half_width=half_width(regret),
        against_fixed=float(fixed.mean()),
        against_fixed_half_width=half_width(fixed),
        more_than_ships=float(more.mean()),
        more_than_ships_half_width=half_width(more),
        curve=tuple(np.nanmean([one.curve for one in outcomes], axis=0).tolist()),
    )


def half_width(values: Doubles) -> float:
    """Of the 95 % interval of the mean by Student's t; infinite for fewer than two values."""
    if len(values) < 2:
        return float("inf")
    quantile = float(stdtrit(len(values) - 1, 0.975))
    return quantile * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
