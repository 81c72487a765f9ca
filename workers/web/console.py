"""The merchandiser's console: styles and their rates, new products, rejections, letters, demand.

Rows of the tables are pure functions of what the topics say; the pages follow them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, Product, RejectionReason, Style
from schemas.topics import PRODUCTS
from stylecore.recommender.catalog import in_window
from stylecore.rendering.manifest import rounded_apart
from workers.web.counts import EventCounters, wilson
from workers.web.forms import checked, stored, texts
from workers.web.shop import look_of, picture_of, picture_uri, style_label
from workers.web.site import id_of, site_of
from workers.web.tables import Tables
from workers.web.templates import NotFound, Words, WrongInput, page, words_for
from workers.web.urls import swatch

Row = dict[str, Any]
Window = Literal["planned", "running", "over"]


def rejected_rows(tables: Tables, words: Words, most: int) -> list[Row]:
    """Return the rejections of products on sale, the newest first."""
    newest = reversed(list(tables.rejected.values()))
    found = (rejected for rejected in newest if rejected.product_id in tables.products)
    return [
        {
            "product_id": rejected.product_id,
            "title": tables.products[rejected.product_id].title,
            "style_id": rejected.style_id,
            "label": style_label(tables, words, rejected.style_id),
            "has_picture": rejected.image_uri is not None,
            "why": [reason_in_words(reason, words) for reason in rejected.reasons],
            "at": rejected.rendered_at,
        }
        for rejected in islice(found, most)
    ]


def reason_in_words(reason: RejectionReason, words: Words) -> str:
    """Return a figure with the bound that it missed and what can be done, or an error's text."""
    key = f"figure.{reason.figure}"
    figure = words(key) if key in words else reason.figure  # one newer than these words
    if reason.value is None or reason.bound is None:
        return f"{figure}: {reason.text or ''}"
    side = "above" if reason.value > reason.bound else "below"
    value, bound = rounded_apart(reason.value, reason.bound)
    missed = words(f"rejected.{side}", figure=figure, value=value, bound=bound)
    advice = f"advice.{reason.figure}"
    return f"{missed}: {words(advice)}" if advice in words else missed


def demand_rows(tables: Tables, counters: EventCounters, words: Words) -> list[Row]:
    """Return the pictures that shoppers want and that do not exist, the most wanted first.

    `is_rejected`: it was drawn and the gate rejected it.
    """
    waiting = [
        it
        for it in counters.demand.values()
        if it.product_id in tables.products
        and picture_uri(tables, it.product_id, it.style_id) is None
    ]
    return [
        {
            "title": tables.products[it.product_id].title,
            "label": style_label(tables, words, it.style_id),
            "demanded": it,
            "is_rejected": (it.product_id, it.style_id) in tables.rejected,
        }
        for it in sorted(waiting, key=lambda it: -it.wanted)
    ]


def style_ids(tables: Tables, generators: Sequence[str]) -> list[str]:
    """Return the generator's styles, then the merchandisers'."""
    return [*generators, *(style for style in tables.styles if style not in generators)]


def window_of(style: Style, now: datetime) -> Window | None:
    """Return where the style's campaign is at `now`, None without a campaign."""
    if style.campaign is None:
        return None
    if in_window(style, now):
        return "running"
    return "planned" if now < style.campaign.starts_at else "over"


def style_rows(
    tables: Tables, counters: EventCounters, words: Words, generators: Sequence[str], now: datetime
) -> list[Row]:
    """Return every style with its figures: the merchandisers', newest first, the photo, the rest.

    `style` is the merchandiser's definition, `covered` counts the products on sale that have a
    picture in it, `swatch` is the address of a picture of it ('' while there is none).
    """
    covered, example = coverage(tables)
    own = [style for style in reversed(tables.styles) if style not in generators]
    rows = []
    for style_id in (*own, ORIGINAL, *generators):
        seen, clicked = (counters.acts[style_id, kind] for kind in ("impression", "click"))
        is_generators, style = style_id in generators, tables.styles.get(style_id)
        look = look_of(tables, words, example.get(style_id, ""), style_id)
        picture = look.picture.address if look else ""
        rows.append(
            {
                "style_id": style_id,
                "label": style_label(tables, words, style_id),
                "is_generators": is_generators,
                "swatch": swatch(style_id) if is_generators else picture,
                "style": style,
                "window": window_of(style, now) if style else None,
                "covered": covered[style_id],
                "seen": seen,
                "clicked": clicked,
                "rate": wilson(clicked, seen),
            }
        )
    return rows


def coverage(tables: Tables) -> tuple[Counter[str], dict[str, str]]:
    """Return, by style, how many products on sale have a picture in it, and one of them."""
    covered, example = Counter({ORIGINAL: len(tables.products)}), {}
    for product_id in tables.products:
        looks = tables.renders.get(product_id, {})
        covered.update(looks.keys())
        example.update(dict.fromkeys((*looks, ORIGINAL), product_id))
    return covered, example


def newest_products(tables: Tables, generators: Sequence[str], most: int) -> list[Row]:
    """Return the products that were published last, the newest first.

    `drawn` counts the styles that it has a picture in, `rejected` those that the gate rejected or
    that could not be drawn.
    """
    names = style_ids(tables, generators)
    return [
        {
            "product": product,
            "picture": picture_of(tables, product.product_id, ORIGINAL, product.image_uri),
            "drawn": len(tables.renders.get(product.product_id, {})),
            "rejected": sum((product.product_id, name) in tables.rejected for name in names),
        }
        for product in islice(reversed(tables.products.values()), most)
    ]


SHOWN = 200
NEW_SHOWN = 12
DAY_SECONDS = 24 * 3600
PRODUCT_FIELDS = ("product_id", "title", "category")


async def styles(request: Request) -> Response:
    """Show every style with its swatch, coverage and click rate."""
    site = site_of(request)
    rows = style_rows(site.tables, site.counters, words_for(request), site.generators, site.clock())
    done = {name: request.query_params.get(name, "") for name in ("published", "withdrawn")}
    view = {"rows": rows, "products": len(site.tables.products), **done}
    return page(request, "console_styles.html", view)


async def rejected(request: Request) -> Response:
    """Show renders that the gate rejected, and styles that could not be drawn."""
    rows = rejected_rows(site_of(request).tables, words_for(request), SHOWN)
    return page(request, "console_rejected.html", {"rows": rows})


async def letters(request: Request) -> Response:
    """Show dead letters, the newest first."""
    kept = islice(reversed(site_of(request).counters.letters.items()), SHOWN)
    rows = [
        (topic, letter, (letter.record.key or b"").decode(errors="replace"))
        for (topic, _), letter in kept
    ]
    return page(request, "console_letters.html", {"rows": rows})


async def demand(request: Request) -> Response:
    """Show what shoppers want and is not drawn yet."""
    site = site_of(request)
    rows = demand_rows(site.tables, site.counters, words_for(request))[:SHOWN]
    return page(request, "console_demand.html", {"rows": rows})


async def products(request: Request) -> Response:
    """Show the form, which the query may fill in, and the newest products."""
    site = site_of(request)
    view = {
        "preset": dict(request.query_params),
        "categories": site.tables.categories,
        "rows": newest_products(site.tables, site.generators, NEW_SHOWN),
        "published": request.query_params.get("published", ""),
    }
    return page(request, "console_products.html", view)


async def publish_product(request: Request) -> Response:
    """Publish the form's product. Raises WrongInput, also for an id that is on sale already."""
    site = site_of(request)
    async with request.form(max_files=1) as form:
        given = texts(form)
        if given.get("product_id") in site.tables.products:
            raise WrongInput("wrong.taken", product=given["product_id"])
        uri = await stored(site, form, "photo", site.pictures.decoded)
    if uri is None:
        raise WrongInput("wrong.no_file")
    fields = {name: given.get(name, "").strip() for name in PRODUCT_FIELDS}
    if not fields["title"]:
        raise WrongInput("wrong.title")
    product = checked({**fields, "image_uri": uri}, Product)
    await site.outbox.publish(PRODUCTS, [product], site.clock())
    chosen = quote(product.product_id, safe="")
    return RedirectResponse(f"/console/products?published={chosen}", 303)


async def swatch_picture(request: Request) -> Response:
    """Return a generator's style on the picture that ships with it. Raises NotFound."""
    site, style_id = site_of(request), id_of(request, "style")
    for style in site.manifest.styles:
        if style.style_id == style_id:
            path = site.settings.stylize.generator / style.swatch
            return FileResponse(path, headers={"Cache-Control": site.kept(DAY_SECONDS)})
    raise NotFound("missing.style", style=style_id)


ROUTES = [
    Route("/console", styles),
    Route("/console/rejected", rejected),
    Route("/console/dead-letters", letters),
    Route("/console/demand", demand),
    Route("/console/products", products),
    Route("/console/products", publish_product, methods=["POST"]),
    Route("/swatches/{style}", swatch_picture),
]
