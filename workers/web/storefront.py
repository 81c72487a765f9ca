"""The shop: a shopper's shelf, a product in all of its styles, two shoppers side by side."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL
from workers.web import addresses
from workers.web.problems import NotFound
from workers.web.rendering import page, words_for
from workers.web.shelf import items_of, look_of, looks_of, price, style_order
from workers.web.site import Site, id_of, require_id, site_of
from workers.web.words import Words

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
    return RedirectResponse(addresses.shop(require_id(user_id)), 303)


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
