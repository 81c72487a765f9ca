"""Posters: ordered by a form, shown as they come, or with the reason why one does not."""

from __future__ import annotations

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL
from schemas.topics import POSTER_REQUESTS
from stylecore.poster.logo import decode_logo
from workers.web.forms import stored, texts
from workers.web.images import answer_with
from workers.web.poster_view import SIZES, poster_rows, request_of
from workers.web.problems import NotFound, WrongInput
from workers.web.rendering import page, words_for
from workers.web.shelf import style_label
from workers.web.site import id_of, site_of
from workers.web.style_view import style_ids

SHOWN = 30
PRODUCTS_OFFERED = 200
MEDIA_TYPES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
"""Of files that are handed out as what they are."""


async def posters(request: Request) -> Response:
    """The form, which the query may fill in, and what was ordered lately."""
    site, words = site_of(request), words_for(request)
    names = [ORIGINAL, *style_ids(site.tables, site.generators)]
    rows = poster_rows(site.tables, site.journal, words, SHOWN)
    view = {
        "preset": dict(request.query_params),
        "products": list(site.tables.products.values())[:PRODUCTS_OFFERED],
        "styles": {name: style_label(site.tables, words, name) for name in names},
        "sizes": SIZES,
        "rows": rows,
        "waiting": sum(row.state == "waiting" for row in rows),
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
    """A poster, small."""
    return await answer_with(request, _uri(request))


async def file(request: Request) -> Response:
    """A poster as it was composed, to be kept."""
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
