"""Turn a poster request into stored pictures: find, load, compose, store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.catalog import ORIGINAL
from schemas.events import PosterRendered, PosterRequest
from stylecore.errors import Permanent
from stylecore.imaging.photo import Photo, Pixels
from stylecore.poster.canvas import colour_of
from stylecore.poster.compose import (
    MEDIA_TYPE,
    Brand,
    Subject,
    Words,
    compose_poster,
    encode_poster,
    subject_of,
)
from stylecore.poster.layout import parse_size
from stylecore.poster.logo import Logo
from stylecore.storage.prune import POSTERS
from stylecore.storage.store import Store


class NoPicture(Permanent):
    """There is no such product, or no render of it in the style yet."""


class Catalogue(Protocol):
    """What is known of products and renders."""

    def photo(self, product_id: str) -> str | None:
        """Return where the product's photo lies, None for an unknown product."""

    def render(self, product_id: str, style_id: str) -> tuple[str, str] | None:
        """Return address and sha256 of the newest render, None where there is none."""


@dataclass(frozen=True)
class PosterContext:
    """What composing needs."""

    load_photo: Callable[[str], Photo]
    """Address to a photo or a render, large; raises Permanent or Transient."""
    load_logo: Callable[[str], Logo]
    """The same of a logo."""
    store: Store


def pictures_of(
    request: PosterRequest, context: PosterContext, catalogue: Catalogue, now: datetime
) -> PosterRendered:
    """Compose and store every size. Raises Permanent, or Transient where it may come again."""
    sizes = {name: parse_size(name) for name in request.sizes}
    subject, render_sha256 = _subject(request, context, catalogue)
    words = Words(request.headline, request.price)
    logo = context.load_logo(request.logo_uri) if request.logo_uri else None
    brand = Brand(tuple(map(colour_of, request.palette or ())), logo)
    posters = {name: compose_poster(subject, words, brand, size) for name, size in sizes.items()}
    stored = {
        name: context.store.put_blob(POSTERS, encode_poster(poster), ".png")
        for name, poster in posters.items()
    }
    return PosterRendered(
        poster_id=request.poster_id,
        product_id=request.product_id,
        style_id=request.style_id,
        images={name: uri for name, (uri, _) in stored.items()},
        sha256={name: digest for name, (_, digest) in stored.items()},
        media_type=MEDIA_TYPE,
        locale=request.locale,
        render_sha256=render_sha256,
        rendered_at=now,
    )


def _subject(
    request: PosterRequest, context: PosterContext, catalogue: Catalogue
) -> tuple[Subject, str]:
    """Return what the poster shows, and the sha256 of its picture's file."""
    product_id, style_id = request.product_id, request.style_id
    address = catalogue.photo(product_id)
    if address is None:
        raise NoPicture(f"there is no product {product_id!r}: publish it, then replay this request")
    photo = context.load_photo(address)
    if style_id == ORIGINAL:
        return subject_of(_largest(photo), photo.pixels), photo.sha256
    render = catalogue.render(product_id, style_id)
    if render is None:
        raise NoPicture(
            f"there is no render of {product_id!r} in {style_id!r}: order it with a job on "
            "stylize.jobs.v1, then replay this request"
        )
    picture = context.load_photo(render[0])
    return subject_of(_largest(picture), photo.pixels), render[1]


def _largest(photo: Photo) -> Pixels:
    return photo.pixels if photo.large is None else photo.large
