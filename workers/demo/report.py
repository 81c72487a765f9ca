"""Results of the demo: `summary.json`, the renders as files, and one self-contained HTML report.

The report shows products by styles; three shoppers with their clicks and their lists before and
after; the dead letters; the figures.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import ImageOps

from schemas.events import Product, RejectedImage, StylizedImage
from stylecore.imaging.photo import on_white, read_picture
from stylecore.recommender.simulator import hit_curve, hit_rates
from stylecore.storage.local_file import local_path
from workers.commands.printing import reasons_in_words
from workers.demo.scenes import Scene
from workers.demo.shoppers import Visit

Pair = tuple[str, str]


@dataclass
class DemoResult:
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


def summary_of(result: DemoResult) -> dict[str, Any]:
    """Return the fields of `summary.json`; milliseconds and seconds as their names say."""
    milliseconds = 1000 * np.array(result.latencies or [np.nan])
    start, end = hit_rates([visit.hits for visit in result.visits])
    return {
        "products": len(result.products),
        "styles": len(result.styles),
        "renders_published": len(result.published),
        "renders_rejected": len(result.rejected),
        "feedback_events": result.feedback_events,
        "shoppers": len(result.visits),
        "recommendations": result.recommendations,
        "dead_letters": len(result.dead_letters),
        "lag_at_end": result.lag_at_end,
        "click_to_recommendation_ms": {
            "p50": round(float(np.percentile(milliseconds, 50)), 1),
            "p99": round(float(np.percentile(milliseconds, 99)), 1),
        },
        "taste_hit_rate": {
            "start": round(start, 3),
            "end": round(end, 3),
            "chance": round(1 / (len(result.styles) + 1), 3),
        },
        "scenes": {
            scene.name: {name: round(value, 3) for name, value in scene.figures.items()}
            for scene in result.scenes
        },
        "seconds": round(result.seconds, 1),
    }


def write_renders(result: DemoResult, folder: Path) -> None:
    """Write the published renders as `<style>/<product>` with its suffix, to look at."""
    for (product_id, style_id), image in result.published.items():
        source = local_path(image.image_uri) or Path(image.image_uri)
        target = folder / style_id / f"{product_id}{source.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())


THUMBNAIL = 220
SHOPPERS = 3
ITEMS = 6
CLICKS = 8
MAX_PIXELS = 50_000_000


def write_report(result: DemoResult, path: Path) -> None:
    """Write the report."""
    environment = Environment(
        loader=PackageLoader("workers.demo"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"thumbnail": thumbnail, "in_words": reasons_in_words}
    by_style: dict[str, Visit] = {}
    for visit in sorted(result.visits, key=lambda visit: -len(visit.clicks)):
        by_style.setdefault(visit.shopper.style_id, visit)
    text = environment.get_template("report.html").render(
        result=result,
        summary=summary_of(result),
        curve=hit_curve([visit.hits for visit in result.visits]),
        # Of different tastes, those who clicked most first.
        visits=list(by_style.values())[:SHOPPERS],
        titles={product.product_id: product.title for product in result.products},
        items=ITEMS,
        clicks=CLICKS,
    )
    path.write_text(text, encoding="utf-8")


@lru_cache(maxsize=4096)
def thumbnail(uri: str) -> str:
    """Return a photo or a picture of the store, small, as a data address."""
    data = (local_path(uri) or Path(uri)).read_bytes()
    picture, _ = read_picture(data, max_pixels=MAX_PIXELS, short_side=THUMBNAIL)
    small = ImageOps.contain(on_white(picture), (THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
