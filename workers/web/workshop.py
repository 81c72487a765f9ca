"""The style mixer: a blend or a picture, tried on a product, then published as a style."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from schemas.events import Style
from schemas.topics import STYLES
from stylecore.images import NotAPhoto
from stylecore.store import Store
from workers.web.pictures import media_type_for
from workers.web.rendering import page
from workers.web.site import Site, WrongInput, site_of
from workers.web.style_form import definition_of, style_of

FOLDER = "uploads"
PRODUCTS_OFFERED = 60


async def mixer(request: Request) -> Response:
    """The form, with a live preview."""
    site = site_of(request)
    products = list(site.tables.products.values())[:PRODUCTS_OFFERED]
    categories = sorted({it.category for it in site.tables.products.values()})
    view = {"styles": site.manifest.styles, "products": products, "categories": categories}
    return page(request, "console_mixer.html", view)


async def preview(request: Request) -> Response:
    """A product as the form's style draws it; 429 where too many are asked for."""
    site = site_of(request)
    async with request.form() as form:
        fields = _texts(form)
    product = site.tables.products.get(fields.get("product", ""))
    if product is None:
        raise WrongInput("choose a product that is on sale")
    definition = definition_of(fields, _uploads(site))
    if not site.mixer.allowance.take():
        headers = {"Retry-After": "2"}
        return PlainTextResponse("too many previews; wait a moment", 429, headers)
    media_type = media_type_for(request.headers.get("accept", ""))
    data = await asyncio.to_thread(site.mixer.preview, product.image_uri, definition, media_type)
    return Response(data, media_type=media_type)


async def upload(request: Request) -> Response:
    """A reference picture into the store; answers with its address."""
    async with request.form(max_files=1) as form:
        uri = await _stored(site_of(request), form)
    if uri is None:
        raise WrongInput("choose a picture")
    return JSONResponse({"reference_uri": uri}, 201)


async def publish(request: Request) -> Response:
    """Publish the form's style, with the picture that came along, if any."""
    site = site_of(request)
    async with request.form(max_files=1) as form:
        fields = _texts(form)
        uri = await _stored(site, form)
    style = style_of(fields | ({"reference_uri": uri} if uri else {}), _uploads(site))
    _require_own_name(site, style)
    await site.outbox.publish(STYLES, [style], site.clock())
    return RedirectResponse(f"/console?published={quote(style.style_id, safe='')}", 303)


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def _stored(site: Site, form: FormData) -> str | None:
    """The uploaded picture's address, once it is known to be one. Raises WrongInput, Transient."""
    file = form.get("reference")
    if not isinstance(file, UploadFile) or not file.filename:
        return None
    limit = site.settings.photos.max_bytes
    data = await file.read(limit + 1)
    if len(data) > limit:
        raise WrongInput(f"the picture is over the limit of {limit} bytes")
    try:
        await asyncio.to_thread(site.pictures.decoded, data)
    except NotAPhoto as problem:
        raise WrongInput(str(problem)) from problem
    store = Store(site.settings.store.uri)
    uri, _ = await asyncio.to_thread(store.put_blob, FOLDER, data, _suffix(data))
    return uri


def _suffix(data: bytes) -> str:
    """By the first bytes; for people alone, readers look at the bytes themselves."""
    beginnings: Mapping[bytes, str] = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif",
                                       b"RIFF": ".webp", b"BM": ".bmp"}  # fmt: skip
    return next((end for start, end in beginnings.items() if data.startswith(start)), ".tiff")


def _uploads(site: Site) -> str:
    return f"{Store(site.settings.store.uri).uri}/{FOLDER}/"


def _require_own_name(site: Site, style: Style) -> None:
    if style.style_id in {it.style_id for it in site.manifest.styles}:
        raise WrongInput(f"style_id: {style.style_id!r} is the generator's own; take another name")


ROUTES = [
    Route("/console/mixer", mixer),
    Route("/console/preview", preview, methods=["POST"]),
    Route("/console/uploads", upload, methods=["POST"]),
    Route("/console/styles", publish, methods=["POST"]),
]
