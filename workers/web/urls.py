"""Addresses of the pages, with ids quoted: an id may hold anything printable but '/'."""

from __future__ import annotations

from urllib.parse import quote


def shop(user_id: str) -> str:
    """A shopper's shop."""
    return f"/shop/{_quoted(user_id)}"


def feedback(user_id: str) -> str:
    """Where the shopper's feedback is sent to."""
    return f"{shop(user_id)}/feedback"


def shelf(user_id: str) -> str:
    """The list alone."""
    return f"{shop(user_id)}/shelf"


def changes(user_id: str) -> str:
    """The stream that tells when the list is another."""
    return f"{shop(user_id)}/changes"


def product(user_id: str, product_id: str, style_id: str | None = None) -> str:
    """A product's page for a shopper, opened at a style."""
    chosen = f"?style={_quoted(style_id)}" if style_id else ""
    return f"{shop(user_id)}/products/{_quoted(product_id)}{chosen}"


def picture(product_id: str, style_id: str, version: str, width: int) -> str:
    """A product in a style; the version changes with the picture."""
    place = f"{_quoted(product_id)}/{_quoted(style_id)}"
    return f"/pictures/{place}?w={width}&v={version}"


def rejected(product_id: str, style_id: str) -> str:
    """A render that was not published."""
    return f"/rejected/{_quoted(product_id)}/{_quoted(style_id)}?w=320"


def poster(poster_id: str, size: str, version: str) -> str:
    """A poster in one of its sizes, small; the version changes with the picture."""
    return f"/posters/{_quoted(poster_id)}/{_quoted(size)}?w=320&v={version}"


def poster_file(poster_id: str, size: str) -> str:
    """The same as it was composed."""
    return f"/posters/{_quoted(poster_id)}/{_quoted(size)}/file"


def swatch(style_id: str) -> str:
    """A generator's style on the picture that ships with it."""
    return f"/swatches/{_quoted(style_id)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
