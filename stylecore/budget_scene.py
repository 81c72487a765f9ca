"""A made-up shop whose pictures are all missing, and its visitors, to try orders of rendering in.

Each visitor looks at a product and has a favourite style by the taste of its category. Taste and
appeal are hidden: what is known are the actions of the time before, and of the products that are
new not even those. Who draws what is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Doubles
from stylecore.budget import Pair
from stylecore.popularity import Priors

EVIDENCE = 1.8
"""Log-odds of a past action for its style."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The sizes and rates of a trial; chances are of a click at a visit."""

    products: int = 300
    categories: int = 6
    styles: int = 9
    new: float = 0.3
    past_actions: int = 2000
    minutes: int = 60
    visits_a_minute: int = 120
    renders_a_minute: int = 15
    chance: float = 0.05
    chance_in_favourite: float = 0.35


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens, whatever is drawn: who visits, and what is known from before."""

    shop: Shop
    priors: Priors
    pairs: list[Pair]
    """All that is missing, as it came: product after product."""
    visits: list[list[tuple[Pair, float]]]
    """By minute: the product and the favourite style, and the luck, 0 to 1."""


def category_of(product_id: str) -> str:
    """The category that the trial gives a product."""
    return product_id.split("-", maxsplit=1)[0]


def scene_of(shop: Shop, random: np.random.Generator) -> Scene:
    """A shop and its visitors, drawn."""
    styles = [f"style-{number}" for number in range(shop.styles)]
    codes = np.arange(shop.products) % shop.categories
    products = [f"category{code}-{number}" for number, code in enumerate(codes.tolist())]
    appeal = random.permutation(1.0 / np.arange(1, shop.products + 1) ** 0.8)
    appeal /= appeal.sum()
    taste = random.dirichlet(np.full(shop.styles, 0.5), shop.categories)
    visits = [_visits(shop, products, styles, appeal, taste, random) for _ in range(shop.minutes)]
    return Scene(
        shop=shop,
        priors=_priors(shop, products, styles, appeal, taste, random),
        pairs=[(product_id, style_id) for product_id in products for style_id in styles],
        visits=visits,
    )


def _visits(
    shop: Shop,
    products: list[str],
    styles: list[str],
    appeal: Doubles,
    taste: Doubles,
    random: np.random.Generator,
) -> list[tuple[Pair, float]]:
    rows = random.choice(shop.products, shop.visits_a_minute, p=appeal).tolist()
    return [
        (
            (products[row], styles[random.choice(shop.styles, p=taste[row % shop.categories])]),
            random.random(),
        )
        for row in rows
    ]


def _priors(
    shop: Shop,
    products: list[str],
    styles: list[str],
    appeal: Doubles,
    taste: Doubles,
    random: np.random.Generator,
) -> Priors:
    """What the trainer would have counted from the actions of the time before."""
    actions = random.poisson(shop.past_actions * appeal)
    actions[random.random(shop.products) < shop.new] = 0
    codes = np.arange(shop.products) % shop.categories
    by_category = np.bincount(codes, weights=actions, minlength=shop.categories)
    counts = [random.multinomial(int(n), taste[code]) for code, n in enumerate(by_category)]
    return Priors(
        product_ids=tuple(products),
        product_weights=actions.astype(np.float32),
        categories=tuple(f"category{code}" for code in range(shop.categories)),
        style_ids=tuple(styles),
        category_style=(EVIDENCE * np.array(counts)).astype(np.float32),
    )
