"""A stream of the seeded simulator's shoppers, in the same form as a table's rows.

Shoppers come one after another. Half of what they look at is the shelf of a category that they
like, the rest is drawn from the whole shop, popular products more often, all in styles of chance:
what they click shows their tastes and no recommender's. Without the shelves (`browsed` 0) there is
nothing to find: what is seen at all decides what is clicked, and who knew every taste beside would
foresee .144 of the clicks in place of .140 (`tests/stylecore/prequential/test_simulated.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from schemas.events import Feedback, RecommendationReason, RecommendedItem
from stylecore.prequential.table import Row
from stylecore.simulate import Shopper, act, shopper

SHOPPERS, PRODUCTS, CATEGORIES = 400, 300, 15
LOOKS, ITEMS = 40, 20
BROWSED = 0.5
"""Share of looks that are at the shelf of a liked category."""
STYLES = ("original", "neon", "pastel", "watercolour")
START = datetime(2026, 1, 1, tzinfo=UTC)
BETWEEN_LOOKS = timedelta(minutes=1)
_NO_REASON = RecommendationReason(kind="explore", text="drawn by chance")


def stream(seed: int, looks: int = LOOKS, browsed: float = BROWSED) -> list[Row]:
    """What SHOPPERS do with `looks` lists each on average, in the order of time."""
    random = np.random.default_rng(seed)
    names = [f"product-{number}" for number in range(PRODUCTS)]
    category_of = {name: f"category-{n % CATEGORIES}" for n, name in enumerate(names)}
    categories = sorted(set(category_of.values()))
    people = [shopper(f"user-{n}", STYLES, categories, random) for n in range(SHOPPERS)]
    rows: list[Row] = []
    for look in range(looks * SHOPPERS):
        person = people[int(random.integers(1 + look // looks))]
        products = _looked_at(person, category_of, browsed, random)
        items = [_item(names[product], random) for product in products]
        for action in act(person, items, category_of, random):
            if action.kind != "impression":
                event = Feedback(
                    event_id=str(len(rows)),
                    user_id=person.user_id,
                    kind=action.kind,
                    product_id=action.item.product_id,
                    occurred_at=START + look * BETWEEN_LOOKS,
                    style_id=action.item.style_id,
                )
                rows.append(Row(event, category_of[event.product_id]))
    return rows


def _looked_at(
    person: Shopper, category_of: dict[str, str], browsed: float, random: np.random.Generator
) -> list[int]:
    """Up to ITEMS product numbers, in the order in which they are seen."""
    shares = 1.0 / np.sqrt(1.0 + np.arange(PRODUCTS))
    if random.random() < browsed:
        liked = sorted(person.categories)
        shelf = liked[int(random.integers(len(liked)))]
        shares *= [category == shelf for category in category_of.values()]
    size = min(ITEMS, int(np.count_nonzero(shares)))
    found: list[int] = random.choice(
        PRODUCTS, size=size, replace=False, p=shares / shares.sum()
    ).tolist()
    return found


def _item(product_id: str, random: np.random.Generator) -> RecommendedItem:
    return RecommendedItem(
        product_id=product_id,
        style_id=STYLES[int(random.integers(len(STYLES)))],
        image_uri=product_id,
        score=0.0,
        propensity=1.0 / len(STYLES),
        reason=_NO_REASON,
    )
