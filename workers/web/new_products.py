"""The page of new products: publishes photo and facts, and shows the progress of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, Product
from schemas.topics import PRODUCTS
from workers.web.console import style_ids
from workers.web.forms import checked, stored, texts
from workers.web.shop import Picture, picture_of
from workers.web.site import site_of
from workers.web.tables import Tables
from workers.web.templates import WrongInput, page

SHOWN = 12
FIELDS = ("product_id", "title", "category")


@dataclass(frozen=True)
class Newcomer:
    """A product that was published lately."""

    product: Product
    picture: Picture
    drawn: int
    """Styles that it has a picture in."""
    rejected: int
    """Styles whose picture the gate kept back, or that could not be drawn."""


async def products(request: Request) -> Response:
    """The form, and the products that came last; the query may fill the form in."""
    site = site_of(request)
    view = {
        "preset": dict(request.query_params),
        "categories": site.tables.categories,
        "rows": newcomers(site.tables, site.generators, SHOWN),
        "published": request.query_params.get("published", ""),
    }
    return page(request, "console_products.html", view)


async def publish(request: Request) -> Response:
    """Publish the form's product. An id that is on sale already is refused, not overwritten."""
    site = site_of(request)
    async with request.form(max_files=1) as form:
        given = texts(form)
        if given.get("product_id") in site.tables.products:
            raise WrongInput("wrong.taken", product=given["product_id"])
        uri = await stored(site, form, "photo", site.pictures.decoded)
    if uri is None:
        raise WrongInput("wrong.no_file")
    fields = {name: given.get(name, "").strip() for name in FIELDS}
    if not fields["title"]:
        raise WrongInput("wrong.title")
    product = checked({**fields, "image_uri": uri}, Product)
    await site.outbox.publish(PRODUCTS, [product], site.clock())
    chosen = quote(product.product_id, safe="")
    return RedirectResponse(f"/console/products?published={chosen}", 303)


def newcomers(tables: Tables, generators: Sequence[str], most: int) -> list[Newcomer]:
    """The products that were published last, the newest first."""
    names = style_ids(tables, generators)
    return [
        Newcomer(
            product=product,
            picture=picture_of(tables, product.product_id, ORIGINAL, product.image_uri),
            drawn=len(tables.renders.get(product.product_id, {})),
            rejected=sum((product.product_id, name) in tables.rejected for name in names),
        )
        for product in islice(reversed(tables.products.values()), most)
    ]


ROUTES = [
    Route("/console/products", products),
    Route("/console/products", publish, methods=["POST"]),
]
