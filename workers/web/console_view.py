"""What the console's tables show: pure functions of what the topics say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.events import ORIGINAL, RejectedImage, RejectionReason, Style
from stylecore.bounds import SMALLER_IS_BETTER
from workers.web.addresses import swatch
from workers.web.journal import Demanded, Journal
from workers.web.rates import Rate, wilson
from workers.web.shelf import picture_of, picture_uri, style_label
from workers.web.tables import Tables
from workers.web.words import Words


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
    covered: int
    """Products on sale that have a picture in it."""
    seen: int
    clicked: int
    rate: Rate | None


@dataclass(frozen=True)
class RejectedRow:
    """A render that was not published."""

    product_id: str
    title: str
    style_id: str
    label: str
    has_picture: bool
    why: list[str]
    at: datetime


@dataclass(frozen=True)
class DemandRow:
    """A picture that shoppers want and that does not exist."""

    title: str
    label: str
    demanded: Demanded


def style_rows(
    tables: Tables, journal: Journal, words: Words, generators: Sequence[str]
) -> list[StyleRow]:
    """The photo, the generator's styles, then the merchandisers', each with its figures."""
    covered, example = _coverage(tables)
    own = [style for style in tables.styles if style not in generators]
    rows = []
    for style_id in (ORIGINAL, *generators, *own):
        seen, clicked = (journal.acts[style_id, kind] for kind in ("impression", "click"))
        is_generators = style_id in generators
        rows.append(
            StyleRow(
                style_id=style_id,
                label=style_label(tables, words, style_id),
                is_generators=is_generators,
                swatch=swatch(style_id)
                if is_generators
                else _picture(tables, example.get(style_id), style_id),
                style=tables.styles.get(style_id),
                covered=covered[style_id],
                seen=seen,
                clicked=clicked,
                rate=wilson(clicked, seen),
            )
        )
    return rows


def _coverage(tables: Tables) -> tuple[Counter[str], dict[str, str]]:
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
    return picture_of(product_id, style_id, uri).address if product_id and uri else ""


def rejected_rows(tables: Tables, words: Words, most: int) -> list[RejectedRow]:
    """Rejections of products on sale, the newest first."""
    newest = reversed(list(tables.rejected.items()))
    rows = (
        _rejected_row(tables, words, style_id, rejected)
        for (product_id, style_id), rejected in newest
        if product_id in tables.products
    )
    return [row for row, _ in zip(rows, range(most), strict=False)]


def _rejected_row(
    tables: Tables, words: Words, style_id: str, rejected: RejectedImage
) -> RejectedRow:
    return RejectedRow(
        product_id=rejected.product_id,
        title=tables.products[rejected.product_id].title,
        style_id=style_id,
        label=style_label(tables, words, style_id),
        has_picture=rejected.image_uri is not None,
        why=[reason_in_words(reason, words) for reason in rejected.reasons],
        at=rejected.rendered_at,
    )


def reason_in_words(reason: RejectionReason, words: Words) -> str:
    """A figure with the bound that it missed, or the error in its own words."""
    if reason.value is None or reason.bound is None:
        return f"{reason.figure}: {reason.text or ''}"
    side = "above" if reason.figure in SMALLER_IS_BETTER else "below"
    return words(
        f"rejected.{side}",
        figure=words(f"figure.{reason.figure}"),
        value=f"{reason.value:.2f}",
        bound=f"{reason.bound:.2f}",
    )


def demand_rows(tables: Tables, journal: Journal, words: Words, most: int) -> list[DemandRow]:
    """What is wanted and not there, what most shoppers want first."""
    waiting = [
        it
        for it in journal.demand.values()
        if it.product_id in tables.products
        and picture_uri(tables, it.product_id, it.style_id) is None
    ]
    waiting.sort(key=lambda it: -it.wanted)
    return [
        DemandRow(
            title=tables.products[it.product_id].title,
            label=style_label(tables, words, it.style_id),
            demanded=it,
        )
        for it in waiting[:most]
    ]
