"""The shop: a shopper's list, a product in all of its styles, two shoppers side by side.

What a page shows is a pure function of the tables; the pages follow.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, Product
from workers.web import urls
from workers.web.pictures import version_of
from workers.web.site import Site, id_of, require_id, site_of
from workers.web.tables import ShownItem, ShownList, Tables
from workers.web.templates import NotFound, Words, page, words_for
from workers.web.urls import picture

WIDTHS_OFFERED = (160, 320, 480, 640)
WHOLE_CURRENCIES = {"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF"}
"""Without a minor unit (ISO 4217), as far as shops have them."""


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


@dataclass(frozen=True)
class Item:
    """A place of the shelf, with what feedback about it copies from the list."""

    product: Product
    look: Look
    why: str
    price: str
    position: int
    propensity: float
    recommendation_id: str
    policy: str


def items_of(found: ShownList | None, tables: Tables, words: Words) -> list[Item]:
    """The list's items whose product and picture are there, best first."""
    if found is None:
        return []
    return [
        Item(
            product=product,
            look=look,
            why=why(item, tables, words),
            price=price(product),
            position=position,
            propensity=item.propensity,
            recommendation_id=found.recommendation_id,
            policy=found.policy,
        )
        for position, item in enumerate(found.items)
        if (product := tables.products.get(item.product_id)) is not None
        and (look := look_of(tables, words, item.product_id, item.style_id)) is not None
    ]


def look_of(tables: Tables, words: Words, product_id: str, style_id: str) -> Look | None:
    """The product in a style, None where there is no such picture."""
    uri = picture_uri(tables, product_id, style_id)
    if uri is None:
        return None
    return Look(
        style_id=style_id,
        label=style_label(tables, words, style_id),
        picture=picture_of(tables, product_id, style_id, uri),
    )


def looks_of(tables: Tables, words: Words, product_id: str, order: list[str]) -> list[Look]:
    """The product in every style that there is: those of `order` first, the photo at the end."""
    rendered = tables.renders.get(product_id, {})
    rest = sorted(style for style in rendered if style not in order)
    styles = list(dict.fromkeys([*order, *rest, ORIGINAL]))
    looks = (look_of(tables, words, product_id, style) for style in styles)
    return [look for look in looks if look is not None]


def style_order(found: ShownList | None) -> list[str]:
    """The styles of a list, the likeliest for this shopper first."""
    chances: dict[str, float] = defaultdict(float)
    for item in found.items if found else ():
        chances[item.style_id] += item.propensity
    return sorted(chances, key=lambda style: (-chances[style], style))


def picture_uri(tables: Tables, product_id: str, style_id: str) -> str | None:
    """Where a product's picture in a style lies; None where there is none on sale."""
    product = tables.products.get(product_id)
    if product is None:
        return None
    if style_id == ORIGINAL:
        return product.image_uri
    render = tables.renders.get(product_id, {}).get(style_id)
    return render.image_uri if render else None


def picture_version(tables: Tables, product_id: str, style_id: str, uri: str) -> str:
    """Changes with the picture: a photo may be replaced under its address, and then it is rendered
    again.
    """
    renders = tables.renders.get(product_id, {}).values()
    if style_id != ORIGINAL or not renders:
        return version_of(uri)
    return version_of(uri + max(renders, key=lambda render: render.rendered_at).source_sha256)


def picture_of(tables: Tables, product_id: str, style_id: str, uri: str) -> Picture:
    """The addresses of a picture in the sizes that are offered."""
    version = picture_version(tables, product_id, style_id, uri)
    sizes = [f"{picture(product_id, style_id, version, w)} {w}w" for w in WIDTHS_OFFERED]
    return Picture(picture(product_id, style_id, version, 320), ", ".join(sizes))


def style_label(tables: Tables, words: Words, style_id: str) -> str:
    """What the style is called: in the language's words, by its merchandiser, or by its id."""
    own = tables.styles.get(style_id)
    return words.style(style_id) or (own.label if own else style_id)


def why(item: ShownItem, tables: Tables, words: Words) -> str:
    """The reason in the reader's language; English is the topic's own text."""
    if words.language == "en":
        return item.reason.text
    key = f"why.{item.reason.kind}"
    if key not in words:  # a kind that is newer than these words
        return item.reason.text
    past = [tables.products[it] for it in item.reason.because if it in tables.products]
    style = style_label(tables, words, item.style_id)
    return words(key, title=past[0].title if past else "", style=style)


def price(product: Product) -> str:
    """The price with its currency's code; '' where it has none."""
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
    """Whose shop it is to be: somebody known, somebody new, or two at once."""
    shoppers = site_of(request).tables.lists.latest_shoppers(SHOPPERS_SHOWN)
    return page(request, "home.html", {"shoppers": shoppers})


async def enter_shop(request: Request) -> Response:
    """From the form on the first page to a shopper's shop; a new one where no name is given."""
    user_id = request.query_params.get("user", "").strip() or f"guest-{secrets.token_hex(4)}"
    return RedirectResponse(urls.shop(require_id(user_id)), 303)


async def shop(request: Request) -> Response:
    """A shopper's shop."""
    return page(request, "shop.html", {"shelf": shelf_view(request, id_of(request, "user"))})


async def shelf(request: Request) -> Response:
    """The shelf alone, for a page that is already open."""
    asked = request.query_params.get("most", "")
    most = int(asked) if asked in OFFERED else ITEMS
    return page(request, "shelf.html", {"shelf": shelf_view(request, id_of(request, "user"), most)})


async def together(request: Request) -> Response:
    """Two shoppers side by side; those who looked last where none are named.

    Raises WrongInput for a name that can be none.
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
    """A product in all of its styles, the shopper's own first; or its panel alone."""
    site, user_id = site_of(request), id_of(request, "user")
    words = words_for(request)
    view = product_view(site, words, user_id, id_of(request, "product"), request)
    alone = "panel" in request.query_params
    return page(request, "panel.html" if alone else "product.html", view)


def shelf_view(request: Request, user_id: str, most: int = ITEMS) -> dict[str, Any]:
    """What a shelf's template needs."""
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


def product_view(
    site: Site, words: Words, user_id: str, product_id: str, request: Request
) -> dict[str, Any]:
    """What a product's template needs. Raises NotFound."""
    tables = site.tables
    wanted = tables.products.get(product_id)
    if wanted is None:
        raise NotFound("missing.product", product=product_id)
    looks = looks_of(tables, words, product_id, style_order(site.list_for(user_id)))
    asked = request.query_params.get("style")
    chosen = next((look for look in looks if look.style_id == asked), looks[0])
    return {
        "user_id": user_id,
        "product": wanted,
        "price": price(wanted),
        "looks": looks,
        "chosen": chosen,
        "original": look_of(tables, words, product_id, ORIGINAL),
    }


ROUTES = [
    Route("/", home),
    Route("/shop", enter_shop),
    Route("/together", together),
    Route("/shop/{user}", shop),
    Route("/shop/{user}/shelf", shelf),
    Route("/shop/{user}/products/{product}", product),
]
