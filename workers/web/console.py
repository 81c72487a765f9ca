"""The merchandiser's console: rates of each style, rejections, dead letters, waiting demand.

Rows of the tables are pure functions of what the topics say; the pages follow them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, RejectedImage, RejectionReason, Style
from stylecore.recommender.catalog import in_window
from stylecore.rendering.manifest import rounded_apart
from workers.web.counts import Demanded, EventCounters, Rate, wilson
from workers.web.shop import picture_of, picture_uri, style_label
from workers.web.site import id_of, site_of
from workers.web.tables import Tables
from workers.web.templates import NotFound, Words, page, words_for
from workers.web.urls import swatch


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
    is_rejected: bool
    """The picture was drawn and the gate kept it back: it waits for another style or photo."""


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
    key = f"figure.{reason.figure}"
    figure = words(key) if key in words else reason.figure  # one newer than these words
    if reason.value is None or reason.bound is None:
        return f"{figure}: {reason.text or ''}"
    side = "above" if reason.value > reason.bound else "below"
    value, bound = rounded_apart(reason.value, reason.bound)
    return words(f"rejected.{side}", figure=figure, value=value, bound=bound)


def demand_rows(
    tables: Tables, counters: EventCounters, words: Words, most: int
) -> list[DemandRow]:
    """What is wanted and not there, what most shoppers want first."""
    waiting = [
        it
        for it in counters.demand.values()
        if it.product_id in tables.products
        and picture_uri(tables, it.product_id, it.style_id) is None
    ]
    waiting.sort(key=lambda it: -it.wanted)
    return [
        DemandRow(
            title=tables.products[it.product_id].title,
            label=style_label(tables, words, it.style_id),
            demanded=it,
            is_rejected=(it.product_id, it.style_id) in tables.rejected,
        )
        for it in waiting[:most]
    ]


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
    tables: Tables, counters: EventCounters, words: Words, generators: Sequence[str], now: datetime
) -> list[StyleRow]:
    """Every style with its figures: the merchandisers', the newest first, the photo, the rest."""
    covered, example = coverage(tables)
    own = [style for style in reversed(tables.styles) if style not in generators]
    rows = []
    for style_id in (*own, ORIGINAL, *generators):
        seen, clicked = (counters.acts[style_id, kind] for kind in ("impression", "click"))
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


SHOWN = 200
DAY_SECONDS = 24 * 3600


async def styles(request: Request) -> Response:
    """Every style with its swatch, coverage and click rate."""
    site = site_of(request)
    rows = style_rows(site.tables, site.counters, words_for(request), site.generators, site.clock())
    told = {name: request.query_params.get(name, "") for name in ("published", "withdrawn")}
    view = {"rows": rows, "products": len(site.tables.products), **told}
    return page(request, "console_styles.html", view)


async def rejected(request: Request) -> Response:
    """Renders that the gate kept back, and styles that could not be drawn."""
    rows = rejected_rows(site_of(request).tables, words_for(request), SHOWN)
    return page(request, "console_rejected.html", {"rows": rows})


async def letters(request: Request) -> Response:
    """Dead letters, the newest first."""
    kept = list(reversed(site_of(request).counters.letters.items()))[:SHOWN]
    rows = [
        (topic, letter, (letter.record.key or b"").decode(errors="replace"))
        for (topic, _), letter in kept
    ]
    return page(request, "console_letters.html", {"rows": rows})


async def demand(request: Request) -> Response:
    """What shoppers want and nobody has drawn yet."""
    site = site_of(request)
    rows = demand_rows(site.tables, site.counters, words_for(request), SHOWN)
    return page(request, "console_demand.html", {"rows": rows})


async def swatch_picture(request: Request) -> Response:
    """A generator's style on the picture that ships with it."""
    site, wanted = site_of(request), id_of(request, "style")
    for style in site.manifest.styles:
        if style.style_id == wanted:
            path = site.settings.stylize.generator / style.swatch
            return FileResponse(path, headers={"Cache-Control": site.kept(DAY_SECONDS)})
    raise NotFound("missing.style", style=wanted)


ROUTES = [
    Route("/console", styles),
    Route("/console/rejected", rejected),
    Route("/console/dead-letters", letters),
    Route("/console/demand", demand),
    Route("/swatches/{style}", swatch_picture),
]
