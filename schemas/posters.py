"""Advertisements: what is to be composed, and the pictures that came of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from schemas.types import Colour, Id, Label, Sha256, Text, Time, Uri

PosterSize = Annotated[str, Meta(pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$")]
Price = Annotated[
    str, Meta(min_length=1, max_length=40, description="As it is to be read, such as $24.90.")
]
Locale = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$(?![\s\S])",
        description="Language of the text (BCP 47), handed on to who shows the poster.",
    ),
]


class PosterRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An advertisement to compose: a product in a style under a headline.

    The palette's first colour is the panel, the others are inks by preference; all are kept exact.
    """

    poster_id: Id
    product_id: Id
    style_id: Id
    headline: Text
    sizes: Annotated[list[PosterSize], Meta(min_length=1, max_length=10)]
    logo_uri: Uri | None = None
    price: Price | None = None
    locale: Locale | None = None
    palette: Annotated[list[Colour], Meta(min_length=1, max_length=5)] | None = None


class PosterRendered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The pictures of a poster and their sha256, one a size, and the render that they show."""

    poster_id: Id
    product_id: Id
    style_id: Id
    images: Annotated[dict[PosterSize, Uri], Meta(min_length=1)]
    rendered_at: Time
    sha256: dict[PosterSize, Sha256] = {}
    media_type: Label | None = None
    locale: Locale | None = None
    render_sha256: Sha256 | None = None
