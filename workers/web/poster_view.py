"""Posters in the console: from the form to the request, from the topics to the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from schemas.events import PosterRendered, PosterRequest
from schemas.topics import POSTER_REQUESTS
from stylecore.errors import SettingsError
from stylecore.imaging.palette import parse_palette
from workers.web import addresses
from workers.web.details import detail_in
from workers.web.forms import checked, marked
from workers.web.journal import Journal
from workers.web.pictures import version_of
from workers.web.problems import WrongInput
from workers.web.shelf import style_label
from workers.web.tables import Tables
from workers.web.words import Words

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


def poster_rows(tables: Tables, journal: Journal, words: Words, most: int) -> list[PosterRow]:
    """The latest requests, the newest first."""
    latest = islice(reversed(tables.requests.values()), most)
    return [_row(request, tables, journal, words) for request in latest]


def _row(request: PosterRequest, tables: Tables, journal: Journal, words: Words) -> PosterRow:
    product = tables.products.get(request.product_id)
    poster = tables.posters.get(request.poster_id)
    state, why = state_of(request, tables, journal)
    return PosterRow(
        request=request,
        title=product.title if product else request.product_id,
        label=style_label(tables, words, request.style_id),
        state=state,
        why=detail_in(words, why),
        sheets=_sheets(poster) if poster else [],
    )


def state_of(request: PosterRequest, tables: Tables, journal: Journal) -> tuple[State, str]:
    """Where a request is, and why where it was refused."""
    if request.poster_id in tables.posters:
        return "rendered", ""
    letter = journal.letter_of(POSTER_REQUESTS.name, request.poster_id)
    return ("refused", letter.message) if letter else ("waiting", "")


def _sheets(poster: PosterRendered) -> list[Sheet]:
    sheets = []
    for size, uri in poster.images.items():
        width, height = map(int, size.split("x"))
        picture = addresses.poster(poster.poster_id, size, version_of(uri))
        file = addresses.poster_file(poster.poster_id, size)
        sheets.append(Sheet(size, width, height, picture, file))
    return sheets
