"""Addresses of the pages, with ids quoted: an id may hold anything printable but '/'."""

from __future__ import annotations

from urllib.parse import quote


def shop(user_id: str) -> str:
    """Return the address of a shopper's shop."""
    return f"/shop/{_quoted(user_id)}"


def feedback(user_id: str) -> str:
    """Return the address for the shopper's feedback."""
    return f"{shop(user_id)}/feedback"


def shelf(user_id: str) -> str:
    """Return the address of the shelf alone."""
    return f"{shop(user_id)}/shelf"


def changes(user_id: str) -> str:
    """Return the address of the stream of changes of the list."""
    return f"{shop(user_id)}/changes"


def product(user_id: str, product_id: str, style_id: str | None = None) -> str:
    """Return the address of a product's page for a shopper, opened at a style."""
    chosen = f"?style={_quoted(style_id)}" if style_id else ""
    return f"{shop(user_id)}/products/{_quoted(product_id)}{chosen}"


def picture(product_id: str, style_id: str, version: str, width: int) -> str:
    """Return the address of a product in a style; the version changes with the picture."""
    place = f"{_quoted(product_id)}/{_quoted(style_id)}"
    return f"/pictures/{place}?w={width}&v={version}"


def rejected(product_id: str, style_id: str) -> str:
    """Return the address of a render that was not published."""
    return f"/rejected/{_quoted(product_id)}/{_quoted(style_id)}?w=320"


def poster(poster_id: str, size: str, version: str) -> str:
    """Return the address of a small poster; the version changes with the picture."""
    return f"/posters/{_quoted(poster_id)}/{_quoted(size)}?w=320&v={version}"


def poster_file(poster_id: str, size: str) -> str:
    """Return the address of a poster as it was composed."""
    return f"/posters/{_quoted(poster_id)}/{_quoted(size)}/file"


def swatch(style_id: str) -> str:
    """Return the address of a generator's style on the picture that ships with it."""
    return f"/swatches/{_quoted(style_id)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
