"""The shop: a shopper's list, a product in all of its styles, two shoppers, and their pictures.

What a page shows is a pure function of the tables; the pages follow.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, Product
from workers.web import urls
from workers.web.pictures import media_type_for, version_of, width_for
from workers.web.site import id_of, require_id, site_of
from workers.web.tables import ShownItem, ShownList, Tables
from workers.web.templates import NotFound, Words, page, words_for

WIDTHS_OFFERED = (160, 320, 480, 640)
WHOLE_CURRENCIES = {"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF"}
"""Without a minor unit (ISO 4217), as far as shops have them."""
FOR_GOOD_SECONDS = 365 * 24 * 3600
AT_ONCE = asyncio.Semaphore(4)
"""Pictures in the making: more would only wait for the processor."""


@dataclass(frozen=True)
class Picture:
    """A picture's addresses: one to fall back on, and a browser's choice of widths."""

    address: str
    choice: str


@dataclass(frozen=True)
class Look:
    """A product in one style."""

    style_id: str
    label: str
    picture: Picture


def items_of(found: ShownList | None, tables: Tables, words: Words) -> list[dict[str, Any]]:
    """Return the list's items whose product and picture exist, best first.

    Each has what feedback about it copies from the list.
    """
    if found is None:
        return []
    return [
        {
            "product": product,
            "look": look,
            "why": why(item, tables, words),
            "price": price(product),
            "position": position,
            "propensity": item.propensity,
            "recommendation_id": found.recommendation_id,
            "policy": found.policy,
        }
        for position, item in enumerate(found.items)
        if (product := tables.products.get(item.product_id)) is not None
        and (look := look_of(tables, words, item.product_id, item.style_id)) is not None
    ]


def look_of(tables: Tables, words: Words, product_id: str, style_id: str) -> Look | None:
    """Return the product in a style, None where there is no such picture."""
    uri = picture_uri(tables, product_id, style_id)
    if uri is None:
        return None
    return Look(
        style_id=style_id,
        label=style_label(tables, words, style_id),
        picture=picture_of(tables, product_id, style_id, uri),
    )


def looks_of(tables: Tables, words: Words, product_id: str, order: list[str]) -> list[Look]:
    """Return the product in each of its styles: those of `order` first, the photo last."""
    rendered = tables.renders.get(product_id, {})
    rest = sorted(style for style in rendered if style not in order)
    styles = list(dict.fromkeys([*order, *rest, ORIGINAL]))
    looks = (look_of(tables, words, product_id, style) for style in styles)
    return [look for look in looks if look is not None]


def style_order(found: ShownList | None) -> list[str]:
    """Return the styles of a list, the likeliest for this shopper first."""
    chances: dict[str, float] = defaultdict(float)
    for item in found.items if found else ():
        chances[item.style_id] += item.propensity
    return sorted(chances, key=lambda style: (-chances[style], style))


def picture_uri(tables: Tables, product_id: str, style_id: str) -> str | None:
    """Return the address of a product's picture in a style, None where none is on sale."""
    product = tables.products.get(product_id)
    if product is None:
        return None
    if style_id == ORIGINAL:
        return product.image_uri
    render = tables.renders.get(product_id, {}).get(style_id)
    return render.image_uri if render else None


def picture_version(tables: Tables, product_id: str, style_id: str, uri: str) -> str:
    """Return a version that changes with the picture.

    A photo may be replaced under its address, and is then rendered again.
    """
    renders = tables.renders.get(product_id, {}).values()
    if style_id != ORIGINAL or not renders:
        return version_of(uri)
    return version_of(uri + max(renders, key=lambda render: render.rendered_at).source_sha256)


def picture_of(tables: Tables, product_id: str, style_id: str, uri: str) -> Picture:
    """Return the addresses of a picture in the sizes that are offered."""
    version = picture_version(tables, product_id, style_id, uri)
    sizes = [f"{urls.picture(product_id, style_id, version, w)} {w}w" for w in WIDTHS_OFFERED]
    return Picture(urls.picture(product_id, style_id, version, 320), ", ".join(sizes))


def style_label(tables: Tables, words: Words, style_id: str) -> str:
    """Return a style's name: in the language, else its merchandiser's label, else its id."""
    own = tables.styles.get(style_id)
    return words.style(style_id) or (own.label if own else style_id)


def why(item: ShownItem, tables: Tables, words: Words) -> str:
    """Return the reason in the reader's language; English is the topic's own text."""
    if words.language == "en":
        return item.reason.text
    key = f"why.{item.reason.kind}"
    if key not in words:  # a kind that is newer than these words
        return item.reason.text
    past = [tables.products[it] for it in item.reason.because if it in tables.products]
    style = style_label(tables, words, item.style_id)
    return words(key, title=past[0].title if past else "", style=style)


def price(product: Product) -> str:
    """Return the price with its currency's code, '' without a price."""
    if product.price_minor is None or product.currency is None:
        return ""
    if product.currency in WHOLE_CURRENCIES:
        return f"{product.currency} {product.price_minor:,}"
    return f"{product.currency} {product.price_minor / 100:,.2f}"


SHOPPERS_SHOWN = 24
ITEMS, TOGETHER_ITEMS = 200, 8
"""Places shown at most: of one shelf, and of each of two."""
OFFERED = {str(ITEMS), str(TOGETHER_ITEMS)}


async def home(request: Request) -> Response:
    """Show the doors to a shop: of a known shopper, a new one, or two at once."""
    shoppers = site_of(request).tables.lists.latest_shoppers(SHOPPERS_SHOWN)
    return page(request, "home.html", {"shoppers": shoppers})


async def enter_shop(request: Request) -> Response:
    """Redirect to the shop of the shopper named in the form; to a new one without a name."""
    user_id = request.query_params.get("user", "").strip() or f"guest-{secrets.token_hex(4)}"
    return RedirectResponse(urls.shop(require_id(user_id)), 303)


async def shop(request: Request) -> Response:
    """Show a shopper's shop."""
    return page(request, "shop.html", {"shelf": shelf_view(request, id_of(request, "user"))})


async def shelf(request: Request) -> Response:
    """Return the shelf alone, for a page that is already open."""
    asked = request.query_params.get("most", "")
    most = int(asked) if asked in OFFERED else ITEMS
    return page(request, "shelf.html", {"shelf": shelf_view(request, id_of(request, "user"), most)})


async def together(request: Request) -> Response:
    """Show two shoppers side by side; the latest ones where none are named.

    Raises WrongInput for an invalid name.
    """
    tables = site_of(request).tables
    names = [request.query_params.get(side, "").strip() for side in ("left", "right")]
    others = [user_id for user_id in tables.lists.latest_shoppers(4) if user_id not in names]
    users = [
        require_id(name) if name else others.pop(0) if others else f"guest-{side}"
        for side, name in zip(("left", "right"), names, strict=True)
    ]
    shelves = [shelf_view(request, user_id, TOGETHER_ITEMS) for user_id in users]
    return page(request, "together.html", {"shelves": shelves, "users": users})


async def product(request: Request) -> Response:
    """Show a product in all of its styles, the shopper's own first; or its panel alone.

    Raises NotFound.
    """
    site, words = site_of(request), words_for(request)
    tables, user_id, product_id = site.tables, id_of(request, "user"), id_of(request, "product")
    found = tables.products.get(product_id)
    if found is None:
        raise NotFound("missing.product", product=product_id)
    looks = looks_of(tables, words, product_id, style_order(site.list_for(user_id)))
    asked = request.query_params.get("style")
    view = {
        "user_id": user_id,
        "product": found,
        "price": price(found),
        "looks": looks,
        "chosen": next((look for look in looks if look.style_id == asked), looks[0]),
        "original": look_of(tables, words, product_id, ORIGINAL),
    }
    alone = "panel" in request.query_params
    return page(request, "panel.html" if alone else "product.html", view)


async def picture(request: Request) -> Response:
    """Return the picture of a product in a style."""
    tables = site_of(request).tables
    product_id, style_id = id_of(request, "product"), id_of(request, "style")
    uri = picture_uri(tables, product_id, style_id)
    version = picture_version(tables, product_id, style_id, uri) if uri else None
    return await answer_with(request, uri, version)


async def rejected(request: Request) -> Response:
    """Return a render that was not published."""
    pair = (id_of(request, "product"), id_of(request, "style"))
    found = site_of(request).tables.rejected.get(pair)
    return await answer_with(request, found.image_uri if found else None)


async def answer_with(request: Request, uri: str | None, version: str | None = None) -> Response:
    """Return the picture at an address, which browsers keep for good where the version is right.

    Raises NotFound, Permanent, Transient.
    """
    if uri is None:
        raise NotFound("missing.picture")
    version = version or version_of(uri)
    media_type = media_type_for(request.headers.get("accept", ""))
    width = width_for(request.query_params.get("w", ""))
    site = site_of(request)
    async with AT_ONCE:
        data = await asyncio.to_thread(site.pictures.small, uri, width, media_type, version)
    # The second stands in pages that were opened before the photo was rendered.
    is_lasting = request.query_params.get("v") in (version, version_of(uri))
    keep = f"{site.kept(FOR_GOOD_SECONDS)}, immutable" if is_lasting else "private, no-cache"
    headers = {"Cache-Control": keep, "Vary": "Accept"}
    return Response(data, media_type=media_type, headers=headers)


def shelf_view(request: Request, user_id: str, most: int = ITEMS) -> dict[str, Any]:
    """Return what a shelf's template needs."""
    site = site_of(request)
    found = site.list_for(user_id)
    return {
        "user_id": user_id,
        "is_known": found is not None and found.user_id == user_id,
        "recommendation_id": found.recommendation_id if found else "",
        "of": found.user_id if found else "",
        "at": site.tables.lists.offset_of(found),
        "items": items_of(found, site.tables, words_for(request))[:most],
        "most": most,
    }


ROUTES = [
    Route("/", home),
    Route("/shop", enter_shop),
    Route("/together", together),
    Route("/shop/{user}", shop),
    Route("/shop/{user}/shelf", shelf),
    Route("/shop/{user}/products/{product}", product),
    Route("/pictures/{product}/{style}", picture),
    Route("/rejected/{product}/{style}", rejected),
]
