"""What the sample products are made of: descriptions of surfaces for the ray tracer.

A surface is a dictionary in Mitsuba's form in which a colour is written "#rrggbb" (sRGB), a
picture is an array uint8 [H, W, 3], and a height field float32 [H, W]; the studio turns these
into Mitsuba's own. What this module does not know: shapes and how a picture was drawn.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture: TypeAlias = NDArray[np.uint8]
Paint: TypeAlias = "str | Picture"
Surface: TypeAlias = dict[str, Any]


def two_sided(surface: Surface) -> Surface:
    return {"type": "twosided", "inner": surface}


def glazed(paint: Paint, roughness: float = 0.12) -> Surface:
    """Fired and glazed ceramic, enamel, lacquer, shiny plastic."""
    return two_sided(
        {
            "type": "principled",
            "base_color": paint,
            "roughness": roughness * 2,
            "specular": 0.55,
            "clearcoat": 0.6,
            "clearcoat_gloss": 0.93,
        }
    )


def satin(paint: Paint, roughness: float = 0.5) -> Surface:
    """Powder coat, oiled wood, printed paper, wax."""
    return two_sided(
        {"type": "principled", "base_color": paint, "roughness": roughness, "specular": 0.4}
    )


def matte(paint: Paint) -> Surface:
    return two_sided({"type": "diffuse", "reflectance": paint})


def metal(paint: Paint = "#d9d9dc", roughness: float = 0.25) -> Surface:
    """Brushed steel by default; brass "#d8b25c", copper "#d98a62", black "#33343a"."""
    return two_sided(
        {"type": "principled", "base_color": paint, "metallic": 1.0, "roughness": roughness}
    )


def dark_glass(paint: Paint) -> Surface:
    """A full bottle of tinted glass: a deep colour under a mirror-smooth coat."""
    return two_sided(
        {
            "type": "principled",
            "base_color": paint,
            "roughness": 0.08,
            "specular": 0.8,
            "clearcoat": 1.0,
            "clearcoat_gloss": 0.98,
        }
    )


def cloth(paint: Paint, weave: int = 160, depth: float = 0.25) -> Surface:
    """A plain weave of that many threads across the picture."""
    cell = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    thread = np.sin(cell)[:, None] * np.sin(cell)[None, :]
    heights = np.tile(thread, (weave // 2, weave // 2)).astype(np.float32)
    return two_sided(
        {
            "type": "bumpmap",
            "heights": 0.5 + 0.5 * heights,
            "scale": depth / weave,
            "inner": {
                "type": "principled",
                "base_color": paint,
                "roughness": 0.9,
                "specular": 0.15,
                "sheen": 0.6,
            },
        }
    )


def leather(paint: Paint, seed: int, depth: float = 0.012) -> Surface:
    """Fine grain of pebbles: smoothed noise, folded."""
    noise = np.random.default_rng(seed).standard_normal((512, 512))
    pebbles = np.abs(ndimage.gaussian_filter(noise, 3.0, mode="wrap"))
    heights = (pebbles / pebbles.max()).astype(np.float32)
    return two_sided(
        {
            "type": "bumpmap",
            "heights": heights,
            "scale": depth,
            "inner": {
                "type": "principled",
                "base_color": paint,
                "roughness": 0.42,
                "specular": 0.45,
            },
        }
    )
