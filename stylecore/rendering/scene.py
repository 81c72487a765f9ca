"""Lay a scene out: the backdrop in colours that suit the product, its shadow, and the product.

The product is placed by its matte: what stands has its base on the floor, what lies or hangs is in
the middle, before a floor a little above it. Its size is what the margins leave room for. A product
that the photo's frame cuts off lies against the same edge of the canvas. The shadow falls as the
backdrop's surface has it, from a light above on the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from schemas.catalog import Aspect, Scene
from stylecore.arrays import Bools, Floats
from stylecore.imaging.photo import Pixels, to_floats, to_pixels
from stylecore.rendering.backdrop_rooms import BASE
from stylecore.rendering.backdrops import BACKDROPS, Backdrop, draw_backdrop

Pose = Literal["stands", "lies", "hangs"]
POSE_NOTES: dict[str, Pose] = {
    "product-stands": "stands",
    "product-lies": "lies",
    "product-hangs": "hangs",
}
"""Notes of how a scene shows its product."""
_RATIOS: dict[Aspect, float] = {
    "1:1": 1.0,
    "4:5": 4 / 5,
    "9:16": 9 / 16,
    "16:9": 16 / 9,
    "1.91:1": 1.91,
}
_LEVEL = 0.05
"""Share of a product's height within which what touches its lowest row is its base."""
_LEGS = 0.25
"""The same for legs, of which those at the back end higher in the picture."""
_BASE = 0.2
"""Share of a product's width from which a base carries it; legs stand twice as far apart."""
_CUT = 0.35
"""Share of a product's side that lies at the photo's frame where that plainly cuts it off."""
ROOM: dict[Pose, tuple[float, float]] = {
    "stands": (0.66, 0.66),
    "lies": (0.74, 0.74),
    "hangs": (0.72, 0.78),
}
"""Shares of the canvas's width and height that a product may take."""
FLOATING_ROOM = (0.66, 0.66)
"""The same for what hangs or lies, before a floor."""
FULL_HEIGHT = 0.9
"""Share of the canvas's height that a product may take whose both sides are cut off."""
_FLOATS = 0.77
"""Where what does not stand ends above a floor, as a share of the height."""
MOST_ENLARGED = 2.5
"""A small product is not enlarged more, which would blur it."""
_AS_IT_IS = 0.03
"""So near to its own size a product keeps its pixels as they are."""
_SHADOW_SIDE = 256
"""Short side in pixels at which shadows are computed."""


@dataclass(frozen=True)
class Placed:
    """A scene without its product, and the product in its place, all of the canvas's size."""

    backdrop: Pixels
    """[H, W, 3], with the product's shadow."""
    colors: Pixels
    """[H, W, 3] of the product, white where there is none."""
    alpha: Floats
    """[H, W] of the product."""
    pose: Pose


@dataclass(frozen=True)
class Box:
    """Where the product comes to lie, in pixels of the canvas; parts may lie outside."""

    left: float
    top: float
    width: float
    height: float


def pose_of(alpha: Floats, is_studio_shot: bool) -> Pose:
    """Return how a product [h, w] is shown.

    It stands where a studio shot shows it on a base or on legs; garments, with sleeves or
    straight down from the shoulders, hang; what was photographed elsewhere lies, or hangs where it
    is taller than wide.
    """
    product = (alpha >= 0.5)[_extent(alpha)]
    height, width = product.shape
    lowest = height - 1 - np.argmax(product[::-1], axis=0)
    above = np.where(product.any(axis=0), height - 1 - lowest, height)
    legs = np.flatnonzero(above <= _LEGS * height)
    is_base = above <= max(1, _LEVEL * height)
    carried = is_base.mean() >= _BASE or legs[-1] - legs[0] >= 2 * _BASE * width
    if is_studio_shot and carried and not _has_sleeves(product):
        return "stands"
    return "hangs" if height >= width or _has_sleeves(product) else "lies"


def _has_sleeves(product: Bools) -> bool:
    """Whether a product is wider at its shoulders than below, straight and both sides alike."""
    rows = [int(share * (len(product) - 1)) for share in (0.25, 0.5, 0.75, 0.95)]
    shoulder, waist, hip, hem = product[rows].sum(axis=1)
    mirrored = product[:, ::-1]
    alike = (product & mirrored).sum() / (product | mirrored).sum()
    straight = abs(int(hip) - int(hem)) <= 0.12 * product.shape[1] and hem >= 0.4 * product.shape[1]
    return bool(shoulder >= 1.2 * hip and waist <= 1.4 * hip and straight and alike >= 0.75)


def canvas_size(photo: tuple[int, int], aspect: Aspect) -> tuple[int, int]:
    """Return (height, width) of a canvas whose shorter side is the photo's (height, width).

    In place of a strip's shorter side, half of its longer one.
    """
    if aspect == "photo":
        return photo
    side, ratio = max(min(photo), max(photo) // 2), _RATIOS[aspect]
    long = round(side * max(ratio, 1 / ratio))
    return (side, long) if ratio >= 1 else (long, side)


def placed(
    colors: Pixels,
    alpha: Floats,
    scene: Scene,
    colours: list[Floats],
    size: tuple[int, int],
    pose: Pose,
) -> Placed:
    """Lay out a product, its own colors [H, W, 3] and alpha [H, W], on a canvas (height, width)."""
    backdrop = BACKDROPS[scene.backdrop]
    rows, columns = _extent(alpha)
    box = box_of(alpha, size, pose, backdrop, scene.fit)
    product, share = _resampled(colors, alpha, rows, columns, box, size)
    ground = draw_backdrop(scene.backdrop, scene.seed, colours, *size)
    shade = scene.shadow * shadow(share, backdrop, pose, box)
    ground *= 1 - shade[..., None]
    if scene.backdrop == "podium":
        ground = _reflected(ground, to_floats(product), share, box)
    return Placed(to_pixels(ground), product, share, pose)


def box_of(alpha: Floats, size: tuple[int, int], pose: Pose, backdrop: Backdrop, fit: float) -> Box:
    """Return where a product goes on a canvas (height, width)."""
    rows, columns = _extent(alpha)
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    height, width = size
    on_floor = backdrop.surface == "floor"
    room = FLOATING_ROOM if on_floor and pose != "stands" else ROOM[pose]
    scale = fit * min(room[0] * width / wide, room[1] * height / tall)
    cut = _cut_sides(alpha, rows, columns)
    if cut["left"] and cut["right"]:
        scale = min(width / wide, FULL_HEIGHT * height / tall)
    elif cut["top"] and cut["bottom"]:
        scale = min(height / tall, width / wide)
    scale = min(scale, MOST_ENLARGED)
    if abs(scale - 1) < _AS_IT_IS:
        scale = 1.0
    across, down = scale * wide, scale * tall
    left, top = (width - across) / 2, (height - down) / 2
    if on_floor:
        top = max(min(0.0, height - down), (BASE if pose == "stands" else _FLOATS) * height - down)
    if cut["left"] != cut["right"]:
        left = 0 if cut["left"] else width - across
    if cut["top"] != cut["bottom"]:
        top = 0 if cut["top"] else height - down
    return Box(round(left), round(top), across, down)


def _cut_sides(alpha: Floats, rows: slice, columns: slice) -> dict[str, bool]:
    """Return which sides of the photo's frame cut the product off."""
    product = alpha >= 0.5
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    return {
        "left": product[:, 0].sum() > _CUT * tall,
        "right": product[:, -1].sum() > _CUT * tall,
        "top": product[0].sum() > _CUT * wide,
        "bottom": product[-1].sum() > _CUT * wide,
    }


def _extent(alpha: Floats) -> tuple[slice, slice]:
    """Return the rows and columns of a product that is not empty."""
    product = alpha >= 0.5
    rows, columns = (np.flatnonzero(product.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _resampled(
    colors: Pixels, alpha: Floats, rows: slice, columns: slice, box: Box, size: tuple[int, int]
) -> tuple[Pixels, Floats]:
    """Return the product's colors and alpha on the canvas."""
    height, width = size
    scale = box.height / (rows.stop - rows.start)
    source = (
        columns.start - box.left / scale,
        rows.start - box.top / scale,
        columns.start + (width - box.left) / scale,
        rows.start + (height - box.top) / scale,
    )
    # Colours weighed by alpha, so that what lies outside of the product does not enter.
    weighed = np.dstack([np.rint(colors * alpha[..., None]), 255 * alpha])
    planes = [
        _window(plane.astype(np.float32), source, size) for plane in np.moveaxis(weighed, 2, 0)
    ]
    share = np.clip(planes[3] / np.float32(255), 0, 1)
    product = np.stack(planes[:3], axis=2) / np.maximum(share, np.float32(1e-3))[..., None]
    product = np.where(share[..., None] > 0.004, product, 255)
    return (product + 0.5).clip(0, 255).astype(np.uint8), share


def _window(plane: Floats, box: tuple[float, float, float, float], size: tuple[int, int]) -> Floats:
    """Resample the box (left, top, right, bottom) of a plane, 0 where it lies outside of it."""
    left, top = min(0, int(np.floor(box[0])) - 2), min(0, int(np.floor(box[1])) - 2)
    right = max(plane.shape[1], int(np.ceil(box[2])) + 2)
    bottom = max(plane.shape[0], int(np.ceil(box[3])) + 2)
    around = ((-top, bottom - plane.shape[0]), (-left, right - plane.shape[1]))
    padded = Image.fromarray(np.pad(plane, around))
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return np.asarray(
        padded.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=inner, reducing_gap=2.0)
    )


def shadow(alpha: Floats, backdrop: Backdrop, pose: Pose, box: Box) -> Floats:
    """Return [H, W], the share of light that a product on the canvas takes away."""
    height, width = alpha.shape
    scale = min(1.0, _SHADOW_SIDE / min(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(Image.fromarray(alpha).resize(small_size, Image.Resampling.BOX))
    side = min(small_size)
    base = scale * (box.top + box.height)
    if backdrop.surface != "floor":
        depth = 1.6 if pose == "hangs" and backdrop.surface == "wall" else 1.0
        cast = _moved(small, 0.014 * depth * side, 0.022 * depth * side)
        dark = 0.30 * _soft(cast, 0.020 * depth * side)
        near = _moved(small, 0.003 * side, 0.005 * side)
        dark = np.maximum(dark, 0.34 * _soft(near, 0.006 * side))
    elif pose == "stands":
        contact = _flattened(small, base, 0.05, 0.0, part=0.08 * scale * box.height)
        dark = 0.55 * np.clip(1.5 * _soft(contact, 0.007 * side), 0, 1)
        cast = _flattened(small, base, 0.16, 0.55)
        dark = np.maximum(dark, 0.30 * _soft(cast, 0.022 * side))
        wide = _flattened(small, base, 0.10, 0.0)
        dark = np.maximum(dark, 0.26 * _soft(wide, 0.030 * side))
    else:
        below = base + 0.075 * small_size[1]
        pool = _flattened(small, base, 0.09, 0.0, to=below)
        dark = 0.42 * _soft(pool, 0.024 * side)
    return np.asarray(
        Image.fromarray(np.asarray(dark, np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    ).clip(0, 0.9)


def _soft(plane: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.gaussian_filter(plane, sigma), np.float32)


def _moved(plane: Floats, across: float, down: float) -> Floats:
    return np.asarray(ndimage.shift(plane, (down, across), order=1), np.float32)


def _flattened(
    plane: Floats,
    base: float,
    flat: float,
    lean: float,
    part: float | None = None,
    to: float | None = None,
) -> Floats:
    """Lay a standing plane [h, w] down on the floor, behind its base row, leaning to the right.

    `flat` is its height there to that before; only the lowest `part` rows count where it is given;
    `to` is the row of the floor below the base.
    """
    kept = plane
    if part is not None:
        kept = np.where(np.arange(len(plane))[:, None] >= base - part, plane, np.float32(0))
    floor = base if to is None else to
    # The middle of what lies there falls on the floor's row: half before it, half behind.
    lift = flat * 0.35 * (part if part is not None else 0.2 * len(plane))
    inverse = (
        1.0,
        lean / flat,
        -lean * (floor + lift) / flat,
        0.0,
        1 / flat,
        base - (floor + lift) / flat,
    )
    size = (plane.shape[1], plane.shape[0])
    laid = Image.fromarray(np.asarray(kept, np.float32)).transform(
        size, Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR
    )
    return np.asarray(laid)


def _reflected(ground: Floats, product: Floats, alpha: Floats, box: Box) -> Floats:
    """Return the ground with the product mirrored below its base, fading."""
    height = len(alpha)
    base = round(box.top + box.height)
    reach = min(height - base, base, max(1, round(0.10 * height)))
    if reach < 2:
        return ground
    fade = 0.20 * (1 - np.arange(reach, dtype=np.float32) / reach) ** 2
    mirrored = alpha[base - reach : base][::-1] * fade[:, None]
    picture = ground.copy()
    below = picture[base : base + reach]
    below += mirrored[..., None] * (product[base - reach : base][::-1] - below)
    return picture
