"""Patterns that are woven, glazed or grained onto the sample products.

Every function returns uint8 [H, W, 3] in sRGB; sizes are (width, height). What this module does
not know: the shape that a picture will be wrapped around.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from canvas import dot, doubled, reduced
from materials import Picture
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw
from scipy import ndimage

Size: TypeAlias = tuple[int, int]


def plain(size: Size, colour: str) -> Picture:
    return np.array(Image.new("RGB", size, colour))


def bands(size: Size, base: str, stripes: Sequence[tuple[float, float, str]]) -> Picture:
    """Level stripes: (from, to, colour) with 0 the top and 1 the bottom."""
    picture = Image.new("RGB", size, base)
    draw = ImageDraw.Draw(picture)
    for top, bottom, colour in stripes:
        draw.rectangle((0, top * size[1], size[0], bottom * size[1]), fill=colour)
    return np.array(picture)


def stripes(size: Size, colours: Sequence[str], count: int, upright: bool = False) -> Picture:
    """count even stripes, the colours taking turns."""
    along = np.arange(size[0] if upright else size[1]) * count // (size[0] if upright else size[1])
    palette = np.array([ImageColor.getrgb(colour) for colour in colours], np.uint8)
    line = palette[along % len(colours)]
    full = line[None, :] if upright else line[:, None]
    return np.ascontiguousarray(np.broadcast_to(full, (size[1], size[0], 3)))


def checks(size: Size, light: str, dark: str, across: int, down: int) -> Picture:
    """Gingham: two sets of stripes, half as strong where only one runs."""
    x = np.arange(size[0]) * across * 2 // size[0] % 2
    y = np.arange(size[1]) * down * 2 // size[1] % 2
    share = (x[None, :] + y[:, None])[..., None] / 2
    mix = _rgb(light) * (1 - share) + _rgb(dark) * share
    return np.round(mix).astype(np.uint8)


def board(size: Size, colours: tuple[str, str], across: int, down: int) -> Picture:
    """A chessboard."""
    x = np.arange(size[0]) * across // size[0]
    y = np.arange(size[1]) * down // size[1]
    odd = ((x[None, :] + y[:, None]) % 2)[..., None]
    return np.where(odd, _rgb(colours[1]), _rgb(colours[0])).astype(np.uint8)


def dots(base: Picture, colour: str, across: int, down: int, share: float = 0.3) -> Picture:
    """Dots in staggered rows that meet at the seam; share is a dot's radius to its cell's side."""
    canvas = doubled(base)
    draw, (width, height) = ImageDraw.Draw(canvas), canvas.size
    step = width / across
    for row in range(down):
        for column in range(-1, across + 1):
            x = (column + 0.5 * (row % 2) + 0.5) * step
            dot(draw, x, (row + 0.5) * height / down, share * step, colour)
    return reduced(canvas)


def zigzag(
    base: Picture, colour: str, level: float, across: int, tall: float, thick: int
) -> Picture:
    """A zigzag band around the given level, 0 the top."""
    canvas = doubled(base)
    width, height = canvas.size
    points = [
        (i * width / (2 * across), height * (level + (tall / 2 if i % 2 else -tall / 2)))
        for i in range(-1, 2 * across + 2)
    ]
    ImageDraw.Draw(canvas).line(points, fill=colour, width=2 * thick, joint="curve")
    return reduced(canvas)


def leaves(base: Picture, colours: Sequence[str], count: int, seed: int) -> Picture:
    """Scattered leaves, each an almond with a vein, spread evenly (best of twenty throws)."""
    canvas, random = doubled(base), np.random.default_rng(seed)
    draw, (width, height) = ImageDraw.Draw(canvas), canvas.size
    placed: list[NDArray[np.float64]] = [np.array([-9.0 * width, 0.0])]
    for i in range(count):
        throws = random.random((20, 2)) * (width, height)
        gaps = [min(np.linalg.norm(throw - other) for other in placed) for throw in throws]
        placed.append(throws[int(np.argmax(gaps))])
        along = np.linspace(-1, 1, 25)
        half = 0.36 * (1 - along**2)
        outline = np.concatenate([np.stack([along, half], 1), np.stack([along, -half], 1)[::-1]])
        turn, reach = random.random() * 2 * np.pi, 0.42 * np.sqrt(width * height / count)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shape = outline @ spin.T * reach + placed[-1]
        draw.polygon([tuple(p) for p in shape], fill=colours[i % len(colours)])
        vein = np.array([[-1.2, 0], [0.8, 0]]) @ spin.T * reach + placed[-1]
        draw.line([tuple(p) for p in vein], fill=tuple(base[0, 0]), width=6)
    return reduced(canvas)


def speckled(base: Picture, colour: str, count: int, seed: int, largest: float = 5.0) -> Picture:
    """Iron speckles as in stoneware."""
    canvas, random = doubled(base), np.random.default_rng(seed)
    draw = ImageDraw.Draw(canvas)
    for x, y, r in random.random((count, 3)):
        dot(draw, x * canvas.width, y * canvas.height, 1 + largest * r**3, colour)
    return reduced(canvas)


def wood(size: Size, light: str, dark: str, seed: int, rings: float = 9.0) -> Picture:
    """Grain along the rows: wavy rings seen lengthwise, with fine pores."""
    random = np.random.default_rng(seed)
    shape = (size[1], size[0])
    bend = ndimage.gaussian_filter(
        random.standard_normal(shape), (size[1] / 9, size[0] / 3), mode="wrap"
    )
    bend /= np.abs(bend).max()
    across = np.linspace(0, 1, size[1])[:, None] + 0.22 * bend
    ring = (across * rings) % 1.0
    pores = ndimage.gaussian_filter(random.standard_normal(shape), (0.8, 18), mode="wrap")
    share = np.clip(0.75 * ring**2 + 0.14 * pores / pores.std() + 0.1, 0, 1)[..., None]
    mix: Picture = np.round(_rgb(light) * (1 - share) + _rgb(dark) * share).astype(np.uint8)
    return mix


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array(ImageColor.getrgb(colour), np.float64)
