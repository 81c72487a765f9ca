"""The picture on the canvas: the product as large as its place allows, its ground going on."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stylecore.arrays import Bytes, Doubles
from stylecore.poster.boxes import Box
from stylecore.poster.layout import Layout
from stylecore.poster.subject import Subject

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
    """255 over the product, falling smoothly to 0 at the picture's edge."""
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
    """From edge to edge where hardly anything is lost, else whole, as a card on the panel."""
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
