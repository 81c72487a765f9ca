"""What the console tells of each style: pure functions of what the topics say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.events import ORIGINAL, Style
from stylecore.recommender.catalog import in_window
from workers.web.addresses import swatch
from workers.web.journal import Journal
from workers.web.rates import Rate, wilson
from workers.web.shelf import picture_of, picture_uri, style_label
from workers.web.tables import Tables
from workers.web.words import Words

Window = Literal["planned", "running", "over"]


@dataclass(frozen=True)
class StyleRow:
    """A style with what came of it."""

    style_id: str
    label: str
    is_generators: bool
    swatch: str
    """Address of a picture of the style; '' while there is none."""
    style: Style | None
    """As its merchandiser defined it."""
    window: Window | None
    """Where its campaign is; None without one."""
    covered: int
    """Products on sale that have a picture in it."""
    seen: int
    clicked: int
    rate: Rate | None


def style_ids(tables: Tables, generators: Sequence[str]) -> list[str]:
    """The generator's styles, then the merchandisers'."""
    return [*generators, *(style for style in tables.styles if style not in generators)]


def window_of(style: Style, now: datetime) -> Window | None:
    """Where the style's campaign is."""
    if style.campaign is None:
        return None
    if in_window(style, now):
        return "running"
    return "planned" if now < style.campaign.starts_at else "over"


def style_rows(
    tables: Tables, journal: Journal, words: Words, generators: Sequence[str], now: datetime
) -> list[StyleRow]:
    """Every style with its figures: the merchandisers', the newest first, the photo, the rest."""
    covered, example = coverage(tables)
    own = [style for style in reversed(tables.styles) if style not in generators]
    rows = []
    for style_id in (*own, ORIGINAL, *generators):
        seen, clicked = (journal.acts[style_id, kind] for kind in ("impression", "click"))
        is_generators, style = style_id in generators, tables.styles.get(style_id)
        rows.append(
            StyleRow(
                style_id=style_id,
                label=style_label(tables, words, style_id),
                is_generators=is_generators,
                swatch=swatch(style_id)
                if is_generators
                else _picture(tables, example.get(style_id), style_id),
                style=style,
                window=window_of(style, now) if style else None,
                covered=covered[style_id],
                seen=seen,
                clicked=clicked,
                rate=wilson(clicked, seen),
            )
        )
    return rows


def coverage(tables: Tables) -> tuple[Counter[str], dict[str, str]]:
    """By style: products on sale that have a picture in it, and one of them."""
    covered, example = Counter({ORIGINAL: len(tables.products)}), {}
    for product_id in tables.products:
        looks = tables.renders.get(product_id, {})
        covered.update(looks.keys())
        example.update(dict.fromkeys((*looks, ORIGINAL), product_id))
    return covered, example


def _picture(tables: Tables, product_id: str | None, style_id: str) -> str:
    """The address of a product in the style; '' where there is none."""
    uri = picture_uri(tables, product_id, style_id) if product_id else None
    return picture_of(tables, product_id, style_id, uri).address if product_id and uri else ""
