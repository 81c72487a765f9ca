"""Twenty scripted shoppers on the demo's shop: what each does, and the lists that follow.

`python -m workers.demo.scripted [--seed N]` prints them, to be read by people. The shop's other
shoppers are simulated and their factors fitted; the lists are made by the same functions as in the
worker, without Kafka and without pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
import typer

from schemas.catalog import ORIGINAL
from schemas.events import (
    Feedback,
    FeedbackKind,
    Product,
    Quality,
    RecommendationReason,
    RecommendedItem,
    StylizedImage,
    UserState,
)
from stylecore.recommender.als import FitSettings, fit
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import items_of, rank, shelves_of
from stylecore.recommender.rules import CHOICE, Rules
from stylecore.recommender.shelf import Before
from stylecore.recommender.simulator import act, shopper
from stylecore.recommender.snapshot import CatalogSnapshot, arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules
from workers.demo.inputs import sample_products

STYLES = ("ink-line", "neon", "pastel", "pop-art", "ukiyo-e", "van-gogh", "watercolour")
START = datetime(2026, 11, 28, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OTHERS, LOOKS, SHOWN = 150, 6, 8
"""Simulated shoppers, their lists each, and the places that are printed."""

LEGEND = (
    "A list: how many items of which categories | styles | kinds of reasons, and its first places. "
    "A step: what the shopper does at one look, and how many places of the list change then; where "
    "the list has nothing of the kind, the shopper finds it on the shop's other pages."
)


@dataclass(frozen=True)
class Step:
    """What is done with at most `count` items that `wanted` takes: of the list, and where it has
    none, of those that the shopper finds on the shop's other pages.
    """

    kind: FeedbackKind
    wanted: Callable[[RecommendedItem, Product], bool]
    count: int = 1
    style_id: str | None = None
    """Chosen on the product's page, in place of the one shown."""


def of(category: str) -> Callable[[RecommendedItem, Product], bool]:
    """Take the products of a category."""
    return lambda _, product: product.category == category


def shown_in(style_id: str) -> Callable[[RecommendedItem, Product], bool]:
    """Take what is shown in a style."""
    return lambda item, _: item.style_id == style_id


def anything(_: RecommendedItem, __: Product) -> bool:
    """Take every item."""
    return True


def cheap(_: RecommendedItem, product: Product) -> bool:
    """Take what costs the least, or has no price."""
    return (product.price_minor or 0) < 2000


def scripts(categories: Sequence[str]) -> dict[str, list[Step]]:
    """Return what each of the shoppers does, look after look."""
    first, second, third, fourth = categories[:4]
    return {
        "newcomer": [],
        f"{first} lover": [Step("click", of(first), 2)] * 4,
        f"{second} lover": [Step("click", of(second), 2)] * 4,
        f"{third} lover, once": [Step("click", of(third))],
        f"{first}, then {second}": [Step("click", of(first), 2)] * 2
        + [Step("click", of(second), 2)] * 2,
        f"{second} beside {third}": [Step("click", of(second)), Step("click", of(third))] * 2,
        "neon lover": [Step("click", shown_in("neon"), 2)] * 5,
        "ukiyo-e lover": [Step("click", shown_in("ukiyo-e"), 2)] * 5,
        "photo lover": [Step("click", shown_in(ORIGINAL), 2)] * 5,
        "chooses pastel on pages": [Step("click", anything, 1, "pastel")] * 3,
        f"neon {first} lover": [
            Step("click", lambda i, p: i.style_id == "neon" or p.category == first, 2)
        ]
        * 4,
        "bargain hunter": [Step("cart", cheap, 2)] * 3,
        f"buyer of {first}": [Step("click", of(first)), Step("purchase", of(first))],
        "buyer of everything": [Step("purchase", anything, 3)] * 3,
        "fills the cart": [Step("cart", anything, 3)] * 2,
        "dismisser": [Step("dismiss", anything, 4)] * 4,
        f"dismisser of {first}": [Step("dismiss", of(first), 5)] * 3,
        f"clicks {fourth}, dismisses it": [
            Step("click", of(fourth), 2),
            Step("dismiss", of(fourth), 5),
        ],
        "clicks anything": [Step("click", anything, 5)] * 4,
        "clicks the first, again and again": [Step("click", anything, 1)] * 6,
    }


class ScriptedShop:
    """The demo's products in all styles, popularity and factors of simulated shoppers."""

    def __init__(self, seed: int) -> None:
        self.products = {product.product_id: product for product in sample_products(48)}
        self.rules, self.choice = Rules(), ChoiceRules()
        self.catalogue = Catalogue()
        for product in self.products.values():
            self.catalogue.put_product(product)
            for style_id in STYLES:
                self.catalogue.put_render(_render(product.product_id, style_id))
        self.categories = sorted({product.category for product in self.products.values()})
        self.snapshot = self._learnt(np.random.default_rng(seed))

    def _learnt(self, random: np.random.Generator) -> CatalogSnapshot:
        popularity = Popularity(self.catalogue, self.rules, START)
        category_of = {name: product.category for name, product in self.products.items()}
        arms = (ORIGINAL, *STYLES)
        people = [shopper(f"u{n}", arms, self.categories, random) for n in range(OTHERS)]
        states = [empty(person.user_id) for person in people]
        for look in range(LOOKS):
            now = START - (LOOKS - look) * 60 * MINUTE
            shelf = arrange(self.catalogue, None, popularity.priors(now), self.choice, now)
            batch = rank(states, shelf, now, self.rules, self.choice)
            for place, items in enumerate(items_of(shelf, batch)):
                for action in act(people[place], items, category_of, random):
                    event = _feedback(people[place].user_id, action.kind, action.item, now, look)
                    states[place] = apply(states[place], event, now, self.rules)
                    popularity.count(event, now)
        factors = fit(states, self.catalogue, None, FitSettings(), self.rules, START)
        priors = popularity.priors(START) if factors is None else factors.priors
        return arrange(self.catalogue, factors, priors, self.choice, START)

    def play(self, name: str, steps: Sequence[Step]) -> list[str]:
        """Return what a shopper did and got, as lines."""
        state, now, before = empty(name), START, Before()
        items, before = self._list(state, now, before)
        lines = [f"== {name}", *self._told("at first", items)]
        for number, step in enumerate(steps):
            now += MINUTE
            wanted = [one for one in items if step.wanted(one, self.products[one.product_id])]
            elsewhere = [
                one for one in self._photos() if step.wanted(one, self.products[one.product_id])
            ]
            done = wanted or elsewhere[number : number + step.count]
            for place, item in enumerate(done[: step.count]):
                event = _feedback(name, step.kind, item, now, number, step.style_id)
                state = apply(state, event, now + place * MINUTE / 60, self.rules)
                before = before._replace(product_id=item.product_id)
                lines.append(f"   {step.kind}: {self._named(item, step.style_id)}")
            fresh, before = self._list(state, now, before)
            changed = sum(a.image_uri != b.image_uri for a, b in zip(items, fresh, strict=False))
            lines.append(f"   {changed} of {len(items)} places change")
            items = fresh
        if steps:
            items, _ = self._list(state, now + 60 * MINUTE, Before())
            lines += self._told("at the next visit", items)
        return lines

    def _photos(self) -> list[RecommendedItem]:
        """Return all products as they stand on pages that are the same for everybody."""
        reason = RecommendationReason(kind="popular", text="on the shop's pages")
        return [
            RecommendedItem(
                product_id=name,
                style_id=ORIGINAL,
                image_uri=product.image_uri,
                score=0.0,
                propensity=1.0,
                reason=reason,
            )
            for name, product in self.products.items()
        ]

    def _list(
        self, state: UserState, now: datetime, before: Before
    ) -> tuple[list[RecommendedItem], Before]:
        batch = rank([state], self.snapshot, now, self.rules, self.choice, before=[before])
        (items,) = items_of(self.snapshot, batch)
        return items, Before(shelves_of(self.snapshot, batch)[0])

    def _told(self, when: str, items: Sequence[RecommendedItem]) -> list[str]:
        """Describe a list: categories, styles and kinds of reasons, then the first places."""
        categories = Counter(self.products[item.product_id].category for item in items)
        styles = Counter(item.style_id for item in items)
        kinds = Counter(item.reason.kind for item in items)
        counts = [
            "; ".join(f"{n} {name}" for name, n in some.most_common(4))
            for some in (categories, styles, kinds)
        ]
        places = [f"     {self._named(item)}: {item.reason.text}" for item in items[:SHOWN]]
        return [f"   {when}: {' | '.join(counts)}", *places]

    def _named(self, item: RecommendedItem, style_id: str | None = None) -> str:
        product = self.products[item.product_id]
        return f"{product.title} ({product.category}) in {style_id or item.style_id}"


def _feedback(
    user_id: str,
    kind: FeedbackKind,
    item: RecommendedItem,
    now: datetime,
    look: int,
    chosen: str | None = None,
) -> Feedback:
    return Feedback(
        event_id=f"{user_id} {look} {kind} {item.product_id}",
        user_id=user_id,
        kind=kind,
        product_id=item.product_id,
        occurred_at=now,
        style_id=chosen or item.style_id,
        propensity=1 / (1 + len(STYLES)) if chosen else item.propensity,
        policy=CHOICE if chosen else None,
    )


def _render(product_id: str, style_id: str) -> StylizedImage:
    """Return the announcement of a picture; no file is needed here."""
    return StylizedImage(
        product_id=product_id,
        style_id=style_id,
        image_uri=f"store://renders/{product_id}.{style_id}.webp",
        width=256,
        height=256,
        media_type="image/webp",
        sha256="0" * 64,
        source_sha256="1" * 64,
        style_sha256="2" * 64,
        model="none",
        quality=Quality(),
        seed=0,
        rendered_at=START,
        job_id="none",
    )


def main(seed: Annotated[int, typer.Option(min=0, help="Of the other shoppers.")] = 7) -> None:
    """Print what twenty scripted shoppers do and get."""
    typer.echo(LEGEND)
    shop = ScriptedShop(seed)
    for name, steps in scripts(shop.categories).items():
        typer.echo("\n".join(shop.play(name, steps)))


if __name__ == "__main__":
    typer.run(main)
