"""The style mixer: a blend or a picture, tried on a product, then published as a style.

Names of fields: `share.<style>` 0 to 100, `strength` 0 to 100, `seed`, `palette`, `reference_uri`,
`keep_product_colour`, `ground` (or `scene:<backdrop>`), `aspect` of a scene, `product_strength` 0
to 100 or empty, `style_id`, `label`, `categories`, `starts_at`, `ends_at`, `priority`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, get_args
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from schemas.catalog import Aspect
from schemas.events import Style, StyleDefinition
from schemas.topics import STYLES
from stylecore.rendering.backdrops import BACKDROPS
from workers.web.forms import checked, palette_of, stored, texts, uploads, with_prefix
from workers.web.pictures import media_type_for
from workers.web.site import site_of
from workers.web.templates import WrongInput, page

SHARE = "share."
SCENE = "scene:"
FULL = 100


def definition_of(form: Mapping[str, str], uploads: str) -> StyleDefinition:
    """Return how the style is drawn; a reference must be under `uploads`. Raises WrongInput."""
    return checked(_drawn(form, uploads), StyleDefinition)


def style_of(form: Mapping[str, str], uploads: str) -> Style:
    """Return the whole style. Raises WrongInput with what is wrong."""
    fields = _drawn(form, uploads)
    fields["style_id"], fields["label"] = form.get("style_id", ""), form.get("label", "")
    parts = [part.strip() for part in form.get("categories", "").split(",")]
    fields["categories"] = [part for part in parts if part]
    if form.get("starts_at") or form.get("ends_at"):
        fields["campaign"] = {
            "starts_at": _time(form.get("starts_at", "")),
            "ends_at": _time(form.get("ends_at", "")),
            "priority": int(_number(form.get("priority") or 0)),
        }
    return checked(fields, Style)


def _drawn(form: Mapping[str, str], uploads: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "strength": _number(form.get("strength") or FULL) / FULL,
        "seed": int(_number(form.get("seed") or 0)),
        "keep_product_colour": bool(form.get("keep_product_colour")),
        "ground": form.get("ground") or "photo",
    }
    if (backdrop := fields["ground"].removeprefix(SCENE)) != fields["ground"]:
        scene = {"backdrop": backdrop, "seed": fields["seed"]}
        fields |= {"ground": "scene", "scene": scene, "aspect": form.get("aspect") or "photo"}
    if product := form.get("product_strength", "").strip():
        fields["product_strength"] = _number(product) / FULL
    if palette := palette_of(form):
        fields["palette"] = palette
    if reference := form.get("reference_uri", ""):
        if not reference.startswith(uploads):
            raise WrongInput("wrong.reference")
        return {**fields, "reference_uri": reference}
    given = {name: _number(share) for name, share in with_prefix(form, SHARE).items()}
    shares = {name: share for name, share in given.items() if share > 0}
    if not shares:
        raise WrongInput("wrong.shares")
    total = sum(shares.values())
    return {**fields, "weights": {name: round(it / total, 4) for name, it in shares.items()}}


def _number(text: str | float) -> float:
    try:
        number = float(text)
    except ValueError as problem:
        raise WrongInput("wrong.number", text=text) from problem
    if not isfinite(number):
        raise WrongInput("wrong.number", text=text)
    return number


def _time(text: str) -> datetime:
    """Parse a form's `2026-12-01T09:00`, which is in UTC unless it names its own offset."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise WrongInput("wrong.times") from problem


PRODUCTS_OFFERED = 60
FIRST_BLEND = {"watercolour": "60", "ink-line": "40"}


async def mixer(request: Request) -> Response:
    """Show the form, which the query may fill in, with a live preview."""
    site = site_of(request)
    preset = dict(request.query_params)
    if not any(name.startswith(SHARE) for name in preset):
        preset |= {f"{SHARE}{name}": share for name, share in FIRST_BLEND.items()}
    view = {
        "styles": site.manifest.styles,
        "products": list(site.tables.products.values())[:PRODUCTS_OFFERED],
        "categories": site.tables.categories,
        "backdrops": BACKDROPS.values(),
        "aspects": get_args(Aspect),
        "preset": preset,
    }
    return page(request, "console_mixer.html", view)


async def preview(request: Request) -> Response:
    """Return a product as the form's style draws it; 429 for too many requests."""
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
    """Store a reference picture; return its address."""
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
    if style.style_id in site.generators:
        raise WrongInput("wrong.generators", style=style.style_id)
    await site.outbox.publish(STYLES, [style], site.clock())
    return RedirectResponse(f"/console?published={quote(style.style_id, safe='')}", 303)


async def withdraw(request: Request) -> Response:
    """Withdraw a merchandiser's style; the planner then withdraws its pictures."""
    site = site_of(request)
    async with request.form() as form:
        style_id = texts(form).get("style_id", "")
    if style_id not in site.tables.styles:
        raise WrongInput("missing.style", style=style_id)
    await site.outbox.withdraw(STYLES, style_id)
    return RedirectResponse(f"/console?withdrawn={quote(style_id, safe='')}", 303)


ROUTES = [
    Route("/console/mixer", mixer),
    Route("/console/preview", preview, methods=["POST"]),
    Route("/console/uploads", upload, methods=["POST"]),
    Route("/console/styles", publish, methods=["POST"]),
    Route("/console/styles/withdraw", withdraw, methods=["POST"]),
]
