"""Results of the demo: `summary.json`, the renders as files, and one self-contained HTML report.

The report shows products by styles; three shoppers with their clicks and their lists before and
after; the dead letters; the figures.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import ImageOps

from schemas.events import Product, Recommendations, RejectedImage, StylizedImage
from stylecore.imaging.photo import on_white, read_picture
from stylecore.recommender.simulator import hit_curve, hit_rates
from stylecore.storage.local_file import local_path
from workers.commands.printing import reasons_in_words
from workers.demo.scenes import Scene
from workers.demo.shoppers import Visit

Pair = tuple[str, str]


@dataclass
class Outcome:
    """Everything that the summary and the report are made of."""

    products: list[Product]
    styles: list[str]
    """On offer, besides the original."""
    published: dict[Pair, StylizedImage] = field(default_factory=dict)
    rejected: dict[Pair, RejectedImage] = field(default_factory=dict)
    dead_letters: list[dict[str, str]] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    feedback_events: int = 0
    recommendations: int = 0
    lag_at_end: int = 0
    seconds: float = 0.0
    address: str = ""
    """Of the open shop, where it is kept open."""

    @property
    def pairs(self) -> set[Pair]:
        """Every product in every style."""
        return {
            (product.product_id, style_id) for product in self.products for style_id in self.styles
        }


def summary_of(outcome: Outcome) -> dict[str, Any]:
    """The fields of `summary.json`; milliseconds and seconds as their names say."""
    milliseconds = 1000 * np.array(outcome.latencies or [np.nan])
    start, end = hit_rates([visit.hits for visit in outcome.visits])
    return {
        "products": len(outcome.products),
        "styles": len(outcome.styles),
        "renders_published": len(outcome.published),
        "renders_rejected": len(outcome.rejected),
        "feedback_events": outcome.feedback_events,
        "shoppers": len(outcome.visits),
        "recommendations": outcome.recommendations,
        "dead_letters": len(outcome.dead_letters),
        "lag_at_end": outcome.lag_at_end,
        "click_to_recommendation_ms": {
            "p50": round(float(np.percentile(milliseconds, 50)), 1),
            "p99": round(float(np.percentile(milliseconds, 99)), 1),
        },
        "taste_hit_rate": {
            "start": round(start, 3),
            "end": round(end, 3),
            "chance": round(1 / (len(outcome.styles) + 1), 3),
        },
        "scenes": {
            scene.name: {name: round(value, 3) for name, value in scene.figures.items()}
            for scene in outcome.scenes
        },
        "seconds": round(outcome.seconds, 1),
    }


def write_renders(outcome: Outcome, folder: Path) -> None:
    """The published renders as `<style>/<product>.webp`, for people to look at."""
    for (product_id, style_id), image in outcome.published.items():
        target = folder / style_id / f"{product_id}.webp"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((local_path(image.image_uri) or Path(image.image_uri)).read_bytes())


THUMBNAIL = 220
SHOPPERS = 3
ITEMS = 6
CLICKS = 8
MAX_PIXELS = 50_000_000


def write_report(outcome: Outcome, path: Path) -> None:
    """Write the report."""
    environment = Environment(
        loader=PackageLoader("workers.demo"), autoescape=True, undefined=StrictUndefined
    )
    template = environment.get_template("report.html")
    path.write_text(template.render(**_view(outcome)), encoding="utf-8")


def _view(outcome: Outcome) -> dict[str, Any]:
    titles = {product.product_id: product.title for product in outcome.products}
    return {
        "summary": summary_of(outcome),
        "address": outcome.address,
        "curve": hit_curve([visit.hits for visit in outcome.visits]),
        "styles": outcome.styles,
        "scenes": [_scene(scene) for scene in outcome.scenes],
        "rows": list(_rows(outcome)),
        "shoppers": [_shopper(visit, titles) for visit in _most_telling(outcome.visits)],
        "dead_letters": outcome.dead_letters,
    }


def _scene(scene: Scene) -> dict[str, Any]:
    return {
        "name": scene.name,
        "told": scene.told,
        "pictures": [(caption, thumbnail(address)) for caption, address in scene.pictures],
    }


def _rows(outcome: Outcome) -> Iterable[dict[str, Any]]:
    """A product, its photo, and a picture or a reason for each style."""
    for product in outcome.products:
        yield {
            "title": product.title,
            "category": product.category,
            "photo": thumbnail(product.image_uri),
            "cells": [_cell(outcome, (product.product_id, style)) for style in outcome.styles],
        }


def _cell(outcome: Outcome, pair: tuple[str, str]) -> dict[str, str]:
    if pair in outcome.published:
        return {"picture": thumbnail(outcome.published[pair].image_uri), "reason": ""}
    rejected = outcome.rejected.get(pair)
    reasons = rejected.reasons if rejected else ()
    return {"picture": "", "reason": reasons_in_words(reasons) or "not drawn"}


def _most_telling(visits: list[Visit]) -> list[Visit]:
    """Shoppers of different tastes, those who clicked most first."""
    chosen: dict[str, Visit] = {}
    for visit in sorted(visits, key=lambda visit: -len(visit.clicks)):
        chosen.setdefault(visit.shopper.style_id, visit)
    return list(chosen.values())[:SHOPPERS]


def _shopper(visit: Visit, titles: dict[str, str]) -> dict[str, Any]:
    last_clicks = visit.clicks[-CLICKS:]
    return {
        "name": visit.shopper.user_id,
        "style": visit.shopper.style_id,
        "categories": ", ".join(sorted(visit.shopper.categories)),
        "clicks": [
            {
                "picture": thumbnail(action.item.image_uri),
                "text": f"{action.kind}: {titles[action.item.product_id]}",
                "style": action.item.style_id,
            }
            for action in last_clicks
        ],
        "count": len(visit.clicks),
        "before": _shelf(visit.shown[0], visit, titles),
        "after": _shelf(visit.shown[-1], visit, titles),
    }


def _shelf(shown: Recommendations, visit: Visit, titles: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "picture": thumbnail(item.image_uri),
            "title": titles[item.product_id],
            "style": item.style_id,
            "is_favourite": item.style_id == visit.shopper.style_id,
            "why": item.reason.text,
            "propensity": f"{100 * item.propensity:.0f} %",
        }
        for item in shown.items[:ITEMS]
    ]


@lru_cache(maxsize=4096)
def thumbnail(uri: str) -> str:
    """A picture of the store or a photo, small, as a data address."""
    data = (local_path(uri) or Path(uri)).read_bytes()
    picture, _ = read_picture(data, max_pixels=MAX_PIXELS, short_side=THUMBNAIL)
    small = ImageOps.contain(on_white(picture), (THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
