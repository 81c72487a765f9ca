"""The teachers: classical renderers of product photos, whose paintings the generator learns from.

Each is local and takes all its randomness from the noise field, so that a convolutional generator
can learn it from crops. Plain ground is detected once, whitened before painting and set to the
style's paper afterwards. Teachers have no notion of objects: seams and stripes are edges alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers import paintings, prints
from stylecore.gan.teachers.color import reference_palettes
from stylecore.gan.teachers.filters import blur
from stylecore.imaging.color import Gaussian
from stylecore.imaging.foreground import product_mask
from stylecore.rendering.manifest import PostprocessParams

__all__ = ["STYLES", "Gaussian", "StyleInfo", "paint", "reference_palettes"]

WHITE = (1.0, 1.0, 1.0)
AS_DRAWN = PostprocessParams()


@dataclass(frozen=True)
class StyleInfo:
    """Description of a style for users; `paper` is the colour of plain ground, None white."""

    style_id: str
    label: str
    kind: Literal["reference", "procedural"]
    paper: tuple[float, float, float] | None
    colour_only: bool
    description: str
    finish: PostprocessParams = AS_DRAWN


STYLES: tuple[StyleInfo, ...] = (
    StyleInfo("watercolour", "Watercolour", "reference", paintings.WATERCOLOUR_PAPER, False,
              "Pale washes with dark rims on cream paper",
              PostprocessParams(sharpness=-1.0, colour=0.7, tint=paintings.WATERCOLOUR_PAPER)),
    StyleInfo("ukiyo-e", "Ukiyo-e", "reference", prints.UKIYO_E_PAPER, False,
              "Flat woodblock pigments and a key line on buff paper",
              PostprocessParams(sharpness=0.5, detail=0.3, colour=0.65, tint=prints.UKIYO_E_PAPER)),
    StyleInfo("ink-line", "Ink line", "reference", prints.INK_LINE_PAPER, False,
              "Black lines and hatching on paper",
              PostprocessParams(detail=0.4)),
    StyleInfo("van-gogh", "Van Gogh", "reference", None, False,
              "Thick swirling strokes in blues and yellows",
              PostprocessParams(photo=0.25, detail=0.5, colour=1.1)),
    StyleInfo("pop-art", "Pop art", "procedural", None, False,
              "Poster colours, bold outlines and dots",
              PostprocessParams(sharpness=0.2, detail=0.3, colour=1.2)),
    StyleInfo("neon", "Neon", "procedural", prints.NEON_PAPER, False,
              "Glowing edges on night blue",
              PostprocessParams(sharpness=-0.3, detail=0.7)),
    StyleInfo("pointillism", "Pointillism", "reference", None, False,
              "Dots of clear colour side by side",
              PostprocessParams(sharpness=0.3, detail=0.4)),
    StyleInfo("pastel", "Pastel", "reference", paintings.PASTEL_PAPER, False,
              "Chalk strokes of broken colour on buff paper",
              PostprocessParams(sharpness=0.4, detail=0.4)),
    StyleInfo("vintage-film", "Vintage film", "procedural", None, True,
              "A faded warm print with grain, its colours all but gone",
              PostprocessParams(colour=0.25, tint=prints.TONE)),
)  # fmt: skip


def paint(
    style_id: str,
    photo: Floats,
    noise: Floats,
    palettes: Mapping[str, Gaussian],
) -> Floats:
    """Paint [H,W,3] of `photo` [H,W,3] of [0,1] from standard normal `noise` [H,W,3].

    `palettes` is that of `reference_palettes`. Raises KeyError for an unknown style or a style
    whose palette is missing, ValueError where photo and noise differ in size.
    """
    paper = next((info.paper for info in STYLES if info.style_id == style_id), None) or WHITE
    if photo.shape != noise.shape:
        raise ValueError(f"photo is {photo.shape}, its noise field {noise.shape}: sizes must agree")
    mask = product_mask(photo)[..., None]
    painted = _painted(style_id, _on_white(photo, mask), noise, palettes)
    ground = np.array(paper, np.float32)
    return np.clip(ground + (painted - ground) * mask, 0, 1).astype(np.float32)


def _on_white(photo: Floats, mask: Floats) -> Floats:
    """Whiten plain ground, and darken the rim so that pale products keep their contour."""
    rim = mask * (1 - blur(mask, 1.6)) * (mask < 1.0).any()
    return np.asarray(((photo - 1) * mask + 1) * (1 - 0.55 * rim), np.float32)


def _painted(
    style_id: str,
    photo: Floats,
    noise: Floats,
    palettes: Mapping[str, Gaussian],
) -> Floats:
    match style_id:
        case "watercolour":
            return paintings.paint_watercolour(photo, noise)
        case "ukiyo-e":
            return prints.paint_ukiyo_e(photo, noise)
        case "ink-line":
            return prints.paint_ink_line(photo, noise)
        case "van-gogh":
            return paintings.paint_van_gogh(photo, noise, palettes[style_id])
        case "pop-art":
            return prints.paint_pop_art(photo, noise)
        case "neon":
            return prints.paint_neon(photo, noise)
        case "pointillism":
            return paintings.paint_pointillism(photo, noise, palettes[style_id])
        case "pastel":
            return paintings.paint_pastel(photo, noise, palettes[style_id])
        case "vintage-film":
            return prints.paint_vintage_film(photo, noise)
        case _:
            known = ", ".join(info.style_id for info in STYLES)
            raise KeyError(f"no teacher paints the style {style_id!r}; known are {known}")
