"""Posters in the console: the form makes a request, the gallery shows results and failures."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, PosterRequest
from schemas.topics import POSTER_REQUESTS
from stylecore.poster.logo import decode_logo
from workers.web import urls
from workers.web.console import style_ids
from workers.web.counts import EventCounters
from workers.web.forms import checked, palette_of, stored, texts, with_prefix
from workers.web.pictures import version_of
from workers.web.shop import answer_with, style_label
from workers.web.site import id_of, site_of
from workers.web.tables import Tables
from workers.web.templates import NotFound, Words, WrongInput, detail_in, page, words_for

SIZES = ("1080x1080", "1080x1920", "1200x628")
"""Of the usual places: a post, a story, a link."""
SIZE = "size."
"""Begins the name of a size's field."""

State = Literal["rendered", "refused", "waiting"]


def request_of(form: Mapping[str, str], poster_id: str, logo_uri: str | None) -> PosterRequest:
    """Return the form's request. Raises WrongInput with what is wrong."""
    fields: dict[str, Any] = {
        "poster_id": poster_id,
        "product_id": form.get("product_id", ""),
        "style_id": form.get("style_id", ""),
        "headline": form.get("headline", "").strip(),
        "sizes": [size for size in SIZES if size in with_prefix(form, SIZE)],
        "logo_uri": logo_uri,
        "price": form.get("price", "").strip() or None,
        "palette": palette_of(form),
    }
    if not fields["headline"]:
        raise WrongInput("wrong.headline")
    if not fields["sizes"]:
        raise WrongInput("wrong.sizes")
    return checked(fields, PosterRequest)


def poster_rows(
    tables: Tables, counters: EventCounters, words: Words, most: int
) -> list[dict[str, Any]]:
    """Return the latest requests, the newest first; `why` is the reason of a refusal.

    Of each size: pixels, the address of a small picture, and that of the file as it was composed.
    """
    rows = []
    for request in islice(reversed(tables.requests.values()), most):
        product = tables.products.get(request.product_id)
        poster = tables.posters.get(request.poster_id)
        state, why = state_of(request, tables, counters)
        sheets = []
        for size, uri in (poster.images if poster else {}).items():
            width, height = map(int, size.split("x"))
            sheets.append(
                {
                    "size": size,
                    "width": width,
                    "height": height,
                    "picture": urls.poster(request.poster_id, size, version_of(uri)),
                    "file": urls.poster_file(request.poster_id, size),
                }
            )
        rows.append(
            {
                "request": request,
                "title": product.title if product else request.product_id,
                "label": style_label(tables, words, request.style_id),
                "state": state,
                "why": detail_in(words, why),
                "sheets": sheets,
            }
        )
    return rows


def state_of(request: PosterRequest, tables: Tables, counters: EventCounters) -> tuple[State, str]:
    """Return the state of a request, and the reason of a refusal."""
    if request.poster_id in tables.posters:
        return "rendered", ""
    letter = counters.letter_of(POSTER_REQUESTS.name, request.poster_id)
    return ("refused", letter.message) if letter else ("waiting", "")


SHOWN = 30
PRODUCTS_OFFERED = 200
MEDIA_TYPES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
"""Of files that are handed out as what they are."""


async def posters(request: Request) -> Response:
    """Show the form, which the query may fill in, and the latest requests."""
    site, words = site_of(request), words_for(request)
    names = [ORIGINAL, *style_ids(site.tables, site.generators)]
    rows = poster_rows(site.tables, site.counters, words, SHOWN)
    view = {
        "preset": dict(request.query_params),
        "products": list(site.tables.products.values())[:PRODUCTS_OFFERED],
        "styles": {name: style_label(site.tables, words, name) for name in names},
        "sizes": SIZES,
        "rows": rows,
        "waiting": sum(row["state"] == "waiting" for row in rows),
        "is_sent": "sent" in request.query_params,
    }
    return page(request, "console_posters.html", view)


async def order(request: Request) -> Response:
    """Send the form's request, with the logo that came along, if any."""
    site = site_of(request)
    async with request.form(max_files=1) as form:
        fields = texts(form)
        if fields.get("product_id") not in site.tables.products:
            raise WrongInput("missing.product", product=fields.get("product_id", ""))
        logo_uri = await stored(site, form, "logo", decode_logo)
    wanted = request_of(fields, f"poster-{secrets.token_hex(6)}", logo_uri)
    await site.outbox.publish(POSTER_REQUESTS, [wanted], site.clock())
    return RedirectResponse("/console/posters?sent=1#posters", 303)


async def picture(request: Request) -> Response:
    """Return a poster, small."""
    return await answer_with(request, _uri(request))


async def file(request: Request) -> Response:
    """Return a poster as it was composed, to be saved."""
    site = site_of(request)
    uri, poster = _uri(request), site.tables.posters.get(request.path_params["poster"])
    media_type = poster.media_type if poster else None
    ending = MEDIA_TYPES.get(media_type or "")
    if uri is None or media_type is None or ending is None:
        raise NotFound("missing.picture")
    data = await asyncio.to_thread(site.pictures.file, uri)
    name = f"poster-{request.path_params['size']}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)


def _uri(request: Request) -> str | None:
    poster = site_of(request).tables.posters.get(id_of(request, "poster"))
    return poster.images.get(request.path_params["size"]) if poster else None


ROUTES = [
    Route("/console/posters", posters),
    Route("/console/posters", order, methods=["POST"]),
    Route("/posters/{poster}/{size}", picture),
    Route("/posters/{poster}/{size}/file", file),
]
