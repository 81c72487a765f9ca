"""The style mixer: a blend or a picture, tried on a product, then published as a style."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from schemas.events import Style
from schemas.topics import STYLES
from workers.web.forms import stored, texts, uploads
from workers.web.pictures import media_type_for
from workers.web.problems import WrongInput
from workers.web.rendering import page
from workers.web.site import Site, site_of
from workers.web.style_form import SHARE, definition_of, style_of

PRODUCTS_OFFERED = 60
FIRST_BLEND = {"watercolour": "60", "ink-line": "40"}


async def mixer(request: Request) -> Response:
    """The form, with a live preview; the query may fill it in."""
    site = site_of(request)
    preset = dict(request.query_params)
    if not any(name.startswith(SHARE) for name in preset):
        preset |= {f"{SHARE}{name}": share for name, share in FIRST_BLEND.items()}
    view = {
        "styles": site.manifest.styles,
        "products": list(site.tables.products.values())[:PRODUCTS_OFFERED],
        "categories": site.tables.categories,
        "preset": preset,
    }
    return page(request, "console_mixer.html", view)


async def preview(request: Request) -> Response:
    """A product as the form's style draws it; 429 where too many are asked for."""
    site = site_of(request)
    async with request.form() as form:
        fields = texts(form)
    product = site.tables.products.get(fields.get("product", ""))
    if product is None:
        raise WrongInput("missing.product", product=fields.get("product", ""))
    definition = definition_of(fields, uploads(site))
    if not site.mixer.allowance.take():
        headers = {"Retry-After": "2"}
        return PlainTextResponse("too many previews; wait a moment", 429, headers)
    media_type = media_type_for(request.headers.get("accept", ""))
    data = await asyncio.to_thread(site.mixer.preview, product.image_uri, definition, media_type)
    return Response(data, media_type=media_type)


async def upload(request: Request) -> Response:
    """A reference picture into the store; answers with its address."""
    site = site_of(request)
    async with request.form(max_files=1) as form:
        uri = await stored(site, form, "reference", site.pictures.decoded)
    if uri is None:
        raise WrongInput("wrong.no_file")
    return JSONResponse({"reference_uri": uri}, 201)


async def publish(request: Request) -> Response:
    """Publish the form's style, with the picture that came along, if any."""
    site = site_of(request)
    async with request.form(max_files=1) as form:
        fields = texts(form)
        uri = await stored(site, form, "reference", site.pictures.decoded)
    style = style_of(fields | ({"reference_uri": uri} if uri else {}), uploads(site))
    _require_own_name(site, style)
    await site.outbox.publish(STYLES, [style], site.clock())
    return RedirectResponse(f"/console?published={quote(style.style_id, safe='')}", 303)


async def withdraw(request: Request) -> Response:
    """Take a merchandiser's style back: the planner takes its pictures back then."""
    site = site_of(request)
    async with request.form() as form:
        style_id = texts(form).get("style_id", "")
    if style_id not in site.tables.styles:
        raise WrongInput("missing.style", style=style_id)
    await site.outbox.withdraw(STYLES, style_id)
    return RedirectResponse(f"/console?withdrawn={quote(style_id, safe='')}", 303)


def _require_own_name(site: Site, style: Style) -> None:
    if style.style_id in site.generators:
        raise WrongInput("wrong.generators", style=style.style_id)


ROUTES = [
    Route("/console/mixer", mixer),
    Route("/console/preview", preview, methods=["POST"]),
    Route("/console/uploads", upload, methods=["POST"]),
    Route("/console/styles", publish, methods=["POST"]),
    Route("/console/styles/withdraw", withdraw, methods=["POST"]),
]
