"""Shops, shoppers and factors made up for tests and benchmarks, from a seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from schemas.events import Campaign, Feedback, Product, Quality, Style, StylizedImage, UserState
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors, encoded
from stylecore.recommender.item_neighbours import no_neighbours
from stylecore.recommender.popularity import Priors
from stylecore.recommender.rules import Recency, Rules
from stylecore.recommender.state import apply, empty

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STYLES = (
    "ink-line",
    "neon",
    "pastel",
    "pointillism",
    "pop-art",
    "ukiyo-e",
    "van-gogh",
    "vintage-film",
    "watercolour",
)


def product(number: int, categories: int = 6) -> Product:
    return Product(
        product_id=f"product-{number}",
        title=f"Product {number}",
        category=f"category-{number % categories}",
        image_uri=f"store://photos/{number}.jpg",
    )


def render(product_id: str, style_id: str) -> StylizedImage:
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
        model="test",
        quality=Quality(),
        seed=0,
        rendered_at=NOW,
        job_id="job",
    )


def campaign_style(
    style_id: str,
    starts_at: datetime,
    ends_at: datetime,
    priority: int = 0,
    weights: dict[str, float] | None = None,
    categories: tuple[str, ...] = (),
) -> Style:
    """A style with a window; unless weights are given, one made for its campaign."""
    return Style(
        style_id=style_id,
        label=style_id.title(),
        weights=weights or {"neon": 1.0, "pastel": 1.0},
        campaign=Campaign(starts_at=starts_at, ends_at=ends_at, priority=priority),
        categories=list(categories),
    )


def catalogue(products: int, styles: tuple[str, ...] = STYLES, categories: int = 6) -> Catalogue:
    """Products that all have a render in each style."""
    shop = Catalogue()
    for number in range(products):
        shop.put_product(product(number, categories))
        for style in styles:
            shop.put_render(render(f"product-{number}", style))
    return shop


def feedback(
    user_id: str,
    product_id: str,
    style_id: str | None = None,
    kind: str = "click",
    at: datetime = NOW,
    event_id: str | None = None,
    propensity: float | None = None,
    recommendation_id: str | None = None,
    position: int | None = None,
) -> Feedback:
    return Feedback(
        event_id=event_id or f"{user_id} {kind} {product_id} {style_id} {at.timestamp()}",
        user_id=user_id,
        kind=kind,  # type: ignore[arg-type]
        product_id=product_id,
        style_id=style_id,
        occurred_at=at,
        propensity=propensity,
        recommendation_id=recommendation_id,
        position=position,
    )


def shopper(
    user_id: str, products: np.ndarray, random: np.random.Generator, rules: Rules | None = None
) -> UserState:
    """Someone who clicked these products in styles of chance, a minute after the other."""
    state = empty(user_id)
    for minute, number in enumerate(products.tolist()):
        at = NOW - timedelta(hours=5) + timedelta(minutes=minute)
        style = STYLES[int(random.integers(len(STYLES)))]
        event = feedback(user_id, f"product-{number}", style, at=at, propensity=0.1)
        state = apply(state, event, at, rules or Rules())
    return state


def lengths(users: int, random: np.random.Generator, longest: int = 50) -> np.ndarray:
    """How many products each shopper has: 1 to `longest` by Zipf's law."""
    shares = 1.0 / np.arange(1, longest + 1)
    return random.choice(np.arange(1, longest + 1), size=users, p=shares / shares.sum())


def shoppers(users: int, products: int, random: np.random.Generator) -> list[UserState]:
    return [
        shopper(f"user-{user}", random.choice(products, size=length, replace=False), random)
        for user, length in enumerate(np.minimum(lengths(users, random), products).tolist())
    ]


def factors(products: int, width: int, random: np.random.Generator) -> Factors:
    """Factors of the size that a fit gives, and priors for all styles."""
    ids = tuple(f"product-{number}" for number in range(products))
    categories = tuple(f"category-{number}" for number in range(6))
    style_ids = ("original", *STYLES)
    made = Factors(
        version="",
        parent=None,
        product_ids=ids,
        product_factors=(random.normal(size=(products, width)) / np.sqrt(width)).astype(np.float32),
        priors=Priors(
            product_ids=ids,
            product_weights=random.exponential(20, size=products).astype(np.float32),
            categories=categories,
            style_ids=style_ids,
            category_style=random.exponential(9, size=(6, len(style_ids))).astype(np.float32),
        ),
        regularization=0.05,
        alpha=1.0,
        recency=Recency(),
        fitted=products,
        neighbours=no_neighbours(products),
    )
    return encoded(made).factors
