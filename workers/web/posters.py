"""Posters in the console: the form makes a request, the gallery shows results and failures."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.events import ORIGINAL, PosterRendered, PosterRequest
from schemas.topics import POSTER_REQUESTS
from stylecore.errors import SettingsError
from stylecore.imaging.palette import parse_palette
from stylecore.poster.logo import decode_logo
from workers.web import urls
from workers.web.console import style_ids
from workers.web.counts import EventCounters
from workers.web.forms import checked, marked, stored, texts
from workers.web.images import answer_with
from workers.web.pictures import version_of
from workers.web.shop import style_label
from workers.web.site import id_of, site_of
from workers.web.tables import Tables
from workers.web.templates import NotFound, Words, WrongInput, detail_in, page, words_for

SIZES = ("1080x1080", "1080x1920", "1200x628")
"""Of the usual places: a post, a story, a link."""
SIZE = "size."
"""Begins the name of a size's field."""

State = Literal["rendered", "refused", "waiting"]


@dataclass(frozen=True)
class Sheet:
    """One size of a poster."""

    size: str
    width: int
    height: int
    picture: str
    """Address of a small picture."""
    file: str
    """Address of the file as it was composed."""


@dataclass(frozen=True)
class PosterRow:
    """A request and what came of it."""

    request: PosterRequest
    title: str
    label: str
    state: State
    why: str
    """Of a refusal."""
    sheets: list[Sheet]


def request_of(form: Mapping[str, str], poster_id: str, logo_uri: str | None) -> PosterRequest:
    """The form's request. Raises WrongInput with what is wrong."""
    fields: dict[str, Any] = {
        "poster_id": poster_id,
        "product_id": form.get("product_id", ""),
        "style_id": form.get("style_id", ""),
        "headline": form.get("headline", "").strip(),
        "sizes": [size for size in SIZES if size in marked(form, SIZE)],
        "logo_uri": logo_uri,
        "price": form.get("price", "").strip() or None,
    }
    if not fields["headline"]:
        raise WrongInput("wrong.headline")
    if not fields["sizes"]:
        raise WrongInput("wrong.sizes")
    if palette := form.get("palette", "").strip():
        try:
            fields["palette"] = parse_palette(palette)
        except SettingsError as problem:
            raise WrongInput("wrong.detail", detail=problem) from problem
    return checked(fields, PosterRequest)


def poster_rows(
    tables: Tables, counters: EventCounters, words: Words, most: int
) -> list[PosterRow]:
    """The latest requests, the newest first."""
    latest = islice(reversed(tables.requests.values()), most)
    return [_row(request, tables, counters, words) for request in latest]


def _row(
    request: PosterRequest, tables: Tables, counters: EventCounters, words: Words
) -> PosterRow:
    product = tables.products.get(request.product_id)
    poster = tables.posters.get(request.poster_id)
    state, why = state_of(request, tables, counters)
    return PosterRow(
        request=request,
        title=product.title if product else request.product_id,
        label=style_label(tables, words, request.style_id),
        state=state,
        why=detail_in(words, why),
        sheets=_sheets(poster) if poster else [],
    )


def state_of(request: PosterRequest, tables: Tables, counters: EventCounters) -> tuple[State, str]:
    """Where a request is, and why where it was refused."""
    if request.poster_id in tables.posters:
        return "rendered", ""
    letter = counters.letter_of(POSTER_REQUESTS.name, request.poster_id)
    return ("refused", letter.message) if letter else ("waiting", "")


def _sheets(poster: PosterRendered) -> list[Sheet]:
    sheets = []
    for size, uri in poster.images.items():
        width, height = map(int, size.split("x"))
        picture = urls.poster(poster.poster_id, size, version_of(uri))
        file = urls.poster_file(poster.poster_id, size)
        sheets.append(Sheet(size, width, height, picture, file))
    return sheets


SHOWN = 30
PRODUCTS_OFFERED = 200
MEDIA_TYPES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
"""Of files that are handed out as what they are."""


async def posters(request: Request) -> Response:
    """The form, which the query may fill in, and what was ordered lately."""
    site, words = site_of(request), words_for(request)
    names = [ORIGINAL, *style_ids(site.tables, site.generators)]
    rows = poster_rows(site.tables, site.counters, words, SHOWN)
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
