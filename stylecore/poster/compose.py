"""Compose a poster: lay out the places, then draw the picture, the text and the logo into them.

The canvas is one flat colour, the panel: the brand's first colour, or one of the product's hue,
deep enough for white text. A light vivid colour, such as yellow, stays as it is and gets near-black
text, since darkened it turns muddy. The picture fills its own part of the canvas: the product as
large as its place allows, its ground extended. Text stands on the panel only, so it is never over
the product, and its colour is chosen by the pixels under it. The same input gives the same pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from stylecore.arrays import Bools, Bytes, Doubles, Floats
from stylecore.imaging.color import from_oklab, in_gamut, to_oklab
from stylecore.imaging.foreground import has_plain_ground, product_mask
from stylecore.imaging.palette import dominant_colours
from stylecore.imaging.photo import Pixels, to_floats, to_pixels
from stylecore.poster.canvas import (
    INKS,
    Box,
    Colour,
    cleaned,
    contrast,
    readable_ink,
    worst_contrast,
)
from stylecore.poster.layout import Layout, layout_of
from stylecore.poster.logo import Logo, place_logo
from stylecore.poster.text import Setting, largest_setting

WANTED = 5.0
"""Contrast with white, so that off-white grounds can be its ink, too."""
_LIGHT = 0.76
"""OKLab lightness from which on a vivid colour stays light."""
_GREY, _CHARCOAL = 0.035, 0.24
"""Chroma below which a product has no hue, and the lightness of the panel that it gets."""
_STEP = 0.01


def accent_of(pixels: Pixels) -> Colour:
    """Return a strong colour of the product's pixels [N, 3], N at least 1."""
    colours = dominant_colours(to_oklab(to_floats(pixels)))
    chroma = np.hypot(colours[:, 1], colours[:, 2])
    lab = colours[int(chroma.argmax())].copy()
    if chroma.max() < _GREY:
        lab[0] = _CHARCOAL
    elif lab[0] >= _LIGHT and contrast(_shown(lab), INKS[1]) >= WANTED:
        return _shown(lab)
    while contrast(_shown(lab), INKS[0]) < WANTED:
        lab[0] -= _STEP
    return _shown(lab)


def _shown(lab: Floats) -> Colour:
    red, green, blue = to_pixels(from_oklab(in_gamut(lab[None, :])))[0]
    return int(red), int(green), int(blue)


MASK_SIDE = 384
"""Longest side at which the product is looked for, px."""
GROUND_SHARE, BORDER_SHARE = 0.7, 0.9
"""Ground, or a picture's border, is even where such a share is within _CALM levels of its median:
shadows lie on grounds, and a border goes on over the canvas."""
_CALM = 14
_BORDER = 0.03
"""Width of a picture's border, of its shorter side."""
_ON_EDGE = 0.012
"""Of a side: a product so near to the frame is taken to be cut by it."""


@dataclass(frozen=True)
class Subject:
    """A picture [H, W, 3] and what is known of it."""

    pixels: Pixels
    product: Box
    """In the picture; all of it where the product does not stand free on even ground."""
    ground: Colour | None
    """The even colour around the product, None where there is none."""
    accent: Colour
    """A strong colour of the product's own hue, on which white or near-black text can be read."""


def subject_of(picture: Pixels, photo: Pixels) -> Subject:
    """Return the subject in a render, found by the photo that it was drawn from; any two sizes."""
    height, width = picture.shape[:2]
    whole = Box(0, 0, width, height)
    mask = product_mask(to_floats(_small(photo)))
    size = (mask.shape[1], mask.shape[0])
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    accent = accent_of(small[mask > 0.9] if (mask > 0.9).any() else small.reshape(-1, 3))
    box = _box_of(mask, width, height)
    if has_plain_ground(mask) and not _is_cut(box, whole):
        ground = _even_ground(small[mask == 0], GROUND_SHARE)
        return Subject(picture, whole if ground is None else box, ground, accent)
    return Subject(picture, whole, _even_ground(small[_border(mask.shape)], BORDER_SHARE), accent)


def _small(photo: Pixels) -> Pixels:
    small = Image.fromarray(photo)
    small.thumbnail((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)
    return np.asarray(small)


def _box_of(mask: Floats, width: int, height: int) -> Box:
    """Return the product's box in a picture of that size, a mask's pixel wider at each side."""
    rows, columns = np.nonzero((mask > 0).any(axis=1))[0], np.nonzero((mask > 0).any(axis=0))[0]
    across, down = width / mask.shape[1], height / mask.shape[0]
    return Box(
        max(0, int((columns[0] - 1) * across)),
        max(0, int((rows[0] - 1) * down)),
        min(width, int(np.ceil((columns[-1] + 2) * across))),
        min(height, int(np.ceil((rows[-1] + 2) * down))),
    )


def _is_cut(box: Box, whole: Box) -> bool:
    near = round(_ON_EDGE * min(whole.width, whole.height))
    return not whole.inset(near).contains(box)


def _border(shape: tuple[int, ...]) -> Bools:
    width = max(1, round(_BORDER * min(shape)))
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _even_ground(pixels: Pixels, share: float) -> Colour | None:
    median = np.median(pixels, axis=0)
    apart = np.abs(pixels - median).max(axis=1)
    if (apart <= _CALM).mean() < share:
        return None
    red, green, blue = (int(value + 0.5) for value in median)
    return red, green, blue


MOST_ENLARGED = 3.0
"""Strokes that are larger look coarse."""
_CROPPED = 0.08
"""Of a side: so much of a picture without even ground may be left out to fill its place."""
_FEATHER = 0.12
"""Of the picture's side: over which its own edge fades into the ground at most."""


def place_picture(canvas: Image.Image, subject: Subject, layout: Layout) -> Box:
    """Draw the picture into its place; where the product's box has come to lie."""
    if subject.ground is not None:
        return _on_ground(canvas, subject, layout)
    return _whole(canvas, subject, layout)


def _on_ground(canvas: Image.Image, subject: Subject, layout: Layout) -> Box:
    place, focus, product = layout.picture, layout.focus, subject.product
    scale = min(focus.width / product.width, focus.height / product.height, MOST_ENLARGED)
    height, width = (max(1, int(side * scale)) for side in subject.pixels.shape[:2])
    across, down = width / subject.pixels.shape[1], height / subject.pixels.shape[0]
    left = round((focus.left + focus.right - (product.left + product.right) * across) / 2)
    top = round((focus.top + focus.bottom - (product.top + product.bottom) * down) / 2)
    picture = Image.fromarray(subject.pixels).resize((width, height), Image.Resampling.LANCZOS)
    fade = Image.fromarray(_fade(width, height, across, down, subject))
    area = Image.new("RGB", (place.width, place.height), subject.ground)
    area.paste(picture, (left - place.left, top - place.top), fade)
    canvas.paste(area, (place.left, place.top))
    return Box(
        left + int(product.left * across),
        top + int(product.top * down),
        left + int(np.ceil(product.right * across)),
        top + int(np.ceil(product.bottom * down)),
    )


def _fade(width: int, height: int, across: float, down: float, subject: Subject) -> Bytes:
    """Return 255 over the product, falling smoothly to 0 at the picture's edge."""
    product = subject.product
    x = _ramp(width, product.left * across, width - product.right * across)
    y = _ramp(height, product.top * down, height - product.bottom * down)
    return (255 * x[None, :] * y[:, None] + 0.5).astype(np.uint8)


def _ramp(length: int, before: float, after: float) -> Doubles:
    places = np.arange(length) + 0.5
    start = places / max(1.0, min(before, _FEATHER * length))
    end = (length - places) / max(1.0, min(after, _FEATHER * length))
    share = np.minimum(np.minimum(start, end), 1.0)
    return np.asarray(share**2 * (3 - 2 * share))


def _whole(canvas: Image.Image, subject: Subject, layout: Layout) -> Box:
    """Lay it from edge to edge where little is cropped, else whole, as a card on the panel."""
    place = layout.picture
    height, width = subject.pixels.shape[:2]
    picture = Image.fromarray(subject.pixels)
    cover = max(place.width / width, place.height / height)
    kept = min(place.width / (width * cover), place.height / (height * cover))
    if kept >= 1 - _CROPPED:
        box = place
        half = place.width / cover / 2, place.height / cover / 2
        source = (width / 2 - half[0], height / 2 - half[1])
        crop = (*source, width / 2 + half[0], height / 2 + half[1])
        size = (place.width, place.height)
        canvas.paste(picture.resize(size, Image.Resampling.LANCZOS, crop), (box.left, box.top))
        return box
    card = place.inset(layout.margin)
    scale = min(card.width / width, card.height / height)
    size = (int(width * scale), int(height * scale))
    left = card.left + (card.width - size[0]) // 2
    top = card.top + (card.height - size[1]) // 2
    canvas.paste(picture.resize(size, Image.Resampling.LANCZOS), (left, top))
    return Box(left, top, left + size[0], top + size[1])


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
    """Compose the poster of (width, height) px. Raises Unsettable: a text or logo cannot be set."""
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
    """Return the poster as a PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(poster.pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _inks(subject: Subject, brand: Brand) -> Sequence[Colour]:
    """Return the brand's other colours, else the picture's ground, so that both halves match."""
    if brand.palette:
        return brand.palette[1:]
    return () if subject.ground is None else (subject.ground,)


def _headline(canvas: Image.Image, text: str, layout: Layout, wanted: Sequence[Colour]) -> Text:
    box, sizes = layout.headline, _sizes(HEADLINE_SIZES, layout)
    setting = largest_setting(cleaned(text, "headline"), box.width, box.height, sizes, "headline")
    place = setting.box_at(box.left, box.top + (box.height - setting.height) // 2)
    return _drawn(canvas, setting, place, wanted)


def _price(canvas: Image.Image, text: str, layout: Layout, panel: Colour, fill: Colour) -> Text:
    """Set the price on a label in the headline's ink, so that it stands out as text must."""
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
