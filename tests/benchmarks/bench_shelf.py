"""What a calm and various shelf costs: clicks of the simulator's shoppers with and without it.

A hundred shoppers a seed, ten styles, 120 products in six categories, visits of five looks, a refit
every ten looks. A list is rebuilt when its shopper has acted, and without limit between two visits.
Expected clicks of 100 items seen, so that only what is shown differs and not the luck of a click.
`python tests/benchmarks/bench_shelf.py [--seeds 20]` prints a line a variant, with the ratio to
lists that are free to change and without bounds, and its 95 % interval over seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
import worlds  # noqa: E402

from schemas.events import RecommendedItem  # noqa: E402
from stylecore.recommender import shelf as bounds  # noqa: E402
from stylecore.recommender.als import FitSettings, fit  # noqa: E402
from stylecore.recommender.popularity import Popularity  # noqa: E402
from stylecore.recommender.recommend import items_of, rank, shelves_of  # noqa: E402
from stylecore.recommender.rules import Rules  # noqa: E402
from stylecore.recommender.shelf import Before  # noqa: E402
from stylecore.recommender.simulator import EXAMINED, act, click_chance, shopper  # noqa: E402
from stylecore.recommender.snapshot import arrange  # noqa: E402
from stylecore.recommender.state import apply, empty  # noqa: E402
from stylecore.recommender.style_policy import ChoiceRules  # noqa: E402

SHOPPERS, PRODUCTS, CATEGORIES, LOOKS, VISIT, REFIT = 100, 120, 6, 40, 5, 10
ITEMS = 20


@dataclass(frozen=True)
class Variant:
    """A shelf's rules, and what came of them."""

    name: str
    changes: int
    most_alike: float


FREE = Variant("free to change, no bounds", ITEMS, 1.0)
VARIANTS = (
    FREE,
    Variant("free to change, bounds", ITEMS, bounds.MOST_ALIKE),
    Variant("6 places, no bounds", 6, 1.0),
    Variant("6 places, bounds (ships)", Rules().changes, bounds.MOST_ALIKE),
)


class Run:
    """A shop and its shoppers under one variant, from a seed."""

    def __init__(self, variant: Variant, seed: int) -> None:
        self.seed, self.rules, self.choice = seed, Rules(changes=variant.changes), ChoiceRules()
        bounds.MOST_ALIKE = variant.most_alike
        random = np.random.default_rng(seed)
        self.shop = worlds.catalogue(PRODUCTS, categories=CATEGORIES)
        names = self.shop.product_ids
        self.category_of = {name: f"category-{row % CATEGORIES}" for row, name in enumerate(names)}
        arms, categories = ("original", *worlds.STYLES), sorted(set(self.category_of.values()))
        self.people = [shopper(f"u{n}", arms, categories, random) for n in range(SHOPPERS)]
        self.states = [empty(person.user_id) for person in self.people]
        self.lists: list[list[RecommendedItem]] = [[] for _ in self.people]
        self.before = [Before()] * SHOPPERS
        self.popularity = Popularity(self.shop, self.rules, worlds.NOW)
        self.clicks = self.seen = 0.0
        self.changed: list[int] = []
        factors = None
        for look in range(LOOKS):
            now = worlds.NOW + timedelta(minutes=2 * look)
            if look and look % REFIT == 0:
                factors = fit(self.states, self.shop, factors, FitSettings(), self.rules, now)
            priors = self.popularity.priors(now) if factors is None else factors.priors
            snapshot = arrange(self.shop, factors, priors, self.choice, now)
            if look % VISIT == 0:
                self.before = [Before()] * SHOPPERS
                self._make(list(range(SHOPPERS)), snapshot, now)
            self._make([n for n in range(SHOPPERS) if self._look(n, look, now)], snapshot, now)

    def _make(self, numbers: list[int], snapshot, now) -> None:
        states, before = ([some[n] for n in numbers] for some in (self.states, self.before))
        batch = rank(states, snapshot, now, self.rules, self.choice, ITEMS, before)
        fresh, kept = items_of(snapshot, batch), shelves_of(snapshot, batch)
        for number, items, shelf in zip(numbers, fresh, kept, strict=True):
            if self.before[number].shelf:
                places = zip(items, self.lists[number], strict=False)
                self.changed.append(sum(one.image_uri != other.image_uri for one, other in places))
            self.lists[number], self.before[number] = items, Before(shelf)

    def _look(self, number: int, look: int, now) -> bool:
        """Let a shopper look at the list; return whether something was done about it."""
        person, items, attention = self.people[number], self.lists[number], 1.0
        for item in items:
            matches = (
                item.style_id == person.style_id,
                self.category_of[item.product_id] in person.categories,
            )
            self.clicks += attention * click_chance(*matches)
            self.seen += attention
            attention *= EXAMINED
        has_acted = False
        luck = np.random.default_rng((self.seed, look, number))
        for action in act(person, items, self.category_of, luck):
            event = worlds.feedback(
                person.user_id,
                action.item.product_id,
                action.item.style_id,
                action.kind,
                now,
                propensity=action.item.propensity,
                recommendation_id=f"{look}/{number}",
                position=action.position,
            )
            self.states[number] = apply(self.states[number], event, now, self.rules)
            self.popularity.count(event, now)
            if action.kind != "impression":
                has_acted = True
                shelf = self.before[number].shelf
                self.before[number] = Before(shelf, event.product_id, event.position)
        return has_acted


def main() -> None:
    """Print each variant."""
    parser = argparse.ArgumentParser(description="What does a calm shelf cost?")
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    free = np.array([])
    for variant in VARIANTS:
        runs = [Run(variant, seed) for seed in range(seeds)]
        clicks = np.array([100 * run.clicks / run.seen for run in runs])
        free = clicks if variant is FREE else free
        ratios = clicks / free
        error = 1.96 * ratios.std(ddof=1) / np.sqrt(seeds)
        changed = np.concatenate([run.changed for run in runs])
        told = {
            "variant": variant.name,
            "clicks_of_100_seen": round(float(clicks.mean()), 2),
            "ratio": round(float(ratios.mean()), 4),
            "plus_minus": round(float(error), 4),
            "places_changed_by_an_action": round(float(changed.mean()), 2),
            "at_most": int(changed.max()),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
