"""A poster: the places laid out, the picture, the text and the logo drawn into them.

The canvas is one flat colour, the panel: the brand's first, or a deep one of the product's hue. The
picture fills its own part of it. Text stands on the panel only, so it is never over the product,
and its ink is judged by the pixels that are really under it. The same input gives the same pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from stylecore.imaging.photo import Pixels
from stylecore.poster.boxes import Box
from stylecore.poster.contrast import Colour, readable_ink, worst_contrast
from stylecore.poster.layout import Layout, layout_of
from stylecore.poster.logo import Logo, place_logo
from stylecore.poster.picture import place_picture
from stylecore.poster.setting import Setting, largest_setting
from stylecore.poster.subject import Subject
from stylecore.poster.typeface import cleaned

MEDIA_TYPE = "image/png"
"""Without loss: a brand's colours and logo arrive as they are."""
HEADLINE_SIZES, PRICE_SIZES = (0.032, 0.15), (0.03, 0.075)
"""Least and most of the type's size, by the canvas's shorter side."""
_PRICE_WIDTH, _LOGO_WIDTH = 0.5, 0.42
"""Of the row."""
_PAD = 0.3
"""Around a price on its label, of the label's height."""


@dataclass(frozen=True)
class Words:
    """What a poster says."""

    headline: str
    price: str | None = None


@dataclass(frozen=True)
class Brand:
    """What a poster keeps exact: the first colour is the panel, the others inks by preference."""

    palette: tuple[Colour, ...] = ()
    logo: Logo | None = None


@dataclass(frozen=True)
class Text:
    """A text as it was set: its ink's box, its colour, and the least contrast under it."""

    setting: Setting
    box: Box
    ink: Colour
    contrast: float


@dataclass(frozen=True)
class Poster:
    """A finished poster [H, W, 3], and where what has come to lie on it."""

    pixels: Pixels
    layout: Layout
    panel: Colour
    product: Box
    headline: Text
    price: Text | None
    logo: Box | None


def compose_poster(subject: Subject, words: Words, brand: Brand, size: tuple[int, int]) -> Poster:
    """The poster of (width, height) px. Raises Unsettable where a text or a logo cannot be set."""
    width, height = size
    layout = layout_of(width, height, words.price is not None or brand.logo is not None)
    panel = brand.palette[0] if brand.palette else subject.accent
    canvas = Image.new("RGB", size, panel)
    product = place_picture(canvas, subject, layout)
    headline = _headline(canvas, words.headline, layout, _inks(subject, brand))
    price = None
    if words.price is not None:
        price = _price(canvas, words.price, layout, panel, headline.ink)
    logo = None
    if brand.logo is not None:
        logo_width = int(_LOGO_WIDTH * layout.row.width)
        logo = place_logo(canvas, brand.logo, layout.row, logo_width, panel)
    return Poster(np.asarray(canvas), layout, panel, product, headline, price, logo)


def encode_poster(poster: Poster) -> bytes:
    """The poster as a PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(poster.pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _inks(subject: Subject, brand: Brand) -> Sequence[Colour]:
    """The brand's other colours, else the picture's ground: the two halves then go together."""
    if brand.palette:
        return brand.palette[1:]
    return () if subject.ground is None else (subject.ground,)


def _headline(canvas: Image.Image, text: str, layout: Layout, wanted: Sequence[Colour]) -> Text:
    box, sizes = layout.headline, _sizes(HEADLINE_SIZES, layout)
    setting = largest_setting(cleaned(text, "headline"), box.width, box.height, sizes, "headline")
    place = setting.box_at(box.left, box.top + (box.height - setting.height) // 2)
    return _drawn(canvas, setting, place, wanted)


def _price(canvas: Image.Image, text: str, layout: Layout, panel: Colour, fill: Colour) -> Text:
    """The price on a label in the headline's ink, so it stands out from the panel as text must."""
    row, line = layout.row, cleaned(text, "price").replace("\n", " ")
    pad = round(_PAD * row.height)
    width = int(_PRICE_WIDTH * row.width) - 2 * pad
    height = row.height - pad
    setting = largest_setting(line, width, height, _sizes(PRICE_SIZES, layout), "price", 1)
    place = setting.box_at(row.left + pad, row.top + (row.height - setting.height) // 2)
    corners = (row.left, row.top, place.right + pad - 1, row.bottom - 1)
    ImageDraw.Draw(canvas).rounded_rectangle(corners, row.height // 6, fill)
    return _drawn(canvas, setting, place, [panel])


def _drawn(canvas: Image.Image, setting: Setting, place: Box, wanted: Sequence[Colour]) -> Text:
    under = np.asarray(canvas.crop((place.left, place.top, place.right, place.bottom)))
    ink = readable_ink(wanted, under)
    setting.draw(ImageDraw.Draw(canvas), place.left, place.top, ink)
    return Text(setting, place, ink, worst_contrast(ink, under))


def _sizes(shares: tuple[float, float], layout: Layout) -> tuple[int, int]:
    shorter = min(layout.width, layout.height)
    return round(shares[0] * shorter), round(shares[1] * shorter)
