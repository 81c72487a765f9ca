"""The colours of a render after the network: a reference's, a palette's, or the product's own.

The network paints strokes in the colours that it learnt; a reference picture's are met here, first
its dominant colours, as a palette's are, then by a share its Gaussian: alone it would bring every
product of one colour to the picture's mean, which is mud. A palette comes after it. The statistics
are those of the product alone, so that white ground neither counts nor changes. A photo without
plain ground counts as product from edge to edge, also where `keep_product_colour` asks for the
product's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.imaging.color import from_oklab, gaussian_of, in_gamut, matched, to_oklab
from stylecore.imaging.foreground import has_plain_ground
from stylecore.imaging.palette import palette_lab, repainted, with_colour_of
from stylecore.reference import Reference

TRANSPORTED = 0.4
"""Share of the way from a reference's dominant colours to its Gaussian."""
SHOWN_THROUGH = 0.12
"""Distance in OKLab from the ground at which a pixel has hardly anything of it."""


@dataclass(frozen=True)
class Colouring:
    """What happens to a render's colours; nothing where all is None or False."""

    reference: Reference | None = None
    palette: Floats | None = None
    """OKLab [n,3], dark to light."""
    keep_product: bool = False
    paper: Floats | None = None
    """[3], RGB in 0-1: what plain ground becomes; None leaves it to the style."""

    @property
    def changes(self) -> bool:
        """Whether anything is asked for."""
        return self.keep_product or self.reference is not None or self.palette is not None


def colouring_of(definition: StyleDefinition, reference: Reference | None) -> Colouring:
    """The colouring that a definition asks for, with its reference picture if it names one."""
    palette = None if definition.palette is None else palette_lab(definition.palette)
    paper = None if reference is None else reference.paper
    if definition.keep_product_colour and palette is not None:
        paper = from_oklab(palette[-1])
    return Colouring(
        reference=reference,
        palette=palette,
        keep_product=definition.keep_product_colour,
        paper=paper,
    )


def ground_of(photo: Floats, ground: Floats, colouring: Colouring) -> Floats:
    """[H, W, 3], what plain ground becomes, where `ground` is what the drawn styles make of it.

    A reference picture brings its paper where it plainly has one, and else leaves white white.
    """
    if colouring.paper is not None:
        return np.broadcast_to(colouring.paper, photo.shape)
    return ground if colouring.reference is None else photo


def recoloured(
    render: Floats, photo: Floats, mask: Floats, ground: Floats, colouring: Colouring
) -> Floats:
    """The render [H, W, 3] in its final colours; `mask` [H, W] says where the product is.

    `ground` is the drawn styles' own. Where it shows through the product (soft shadows, pale
    washes) the new ground does too, so that no rim appears; not where the product keeps its own
    colour, for its white would be lost.
    """
    if not colouring.changes:
        return render
    before = to_oklab(render)
    after = _moved(before, photo, mask, colouring)
    if has_plain_ground(mask) and not colouring.keep_product:
        old, new = (_level(part, mask) for part in (ground, ground_of(photo, ground, colouring)))
        apart = np.linalg.norm(before - old, axis=-1, keepdims=True)
        after += np.exp(-((apart / np.float32(SHOWN_THROUGH)) ** 2)) * (new - after)
    return from_oklab(after)


def _level(ground: Floats, mask: Floats) -> Floats:
    """The mean colour of the plain ground, OKLab [3]."""
    shares = np.broadcast_to((1 - mask)[..., None], ground.shape)
    return to_oklab(np.average(ground, axis=(0, 1), weights=shares).astype(np.float32))


def _moved(lab: Floats, photo: Floats, mask: Floats, colouring: Colouring) -> Floats:
    if colouring.reference is not None:
        lab = _like(lab, mask, colouring.reference)
    if colouring.palette is not None:
        lab = repainted(lab, mask, colouring.palette)
    if colouring.keep_product:
        lab = with_colour_of(lab, to_oklab(photo))
    return lab


def _like(lab: Floats, mask: Floats, reference: Reference) -> Floats:
    """OKLab [...,3] in a reference's colours; lighter stays lighter."""
    painted = repainted(lab, mask, reference.palette)
    moved = matched(painted, gaussian_of(painted, mask), reference.colours)
    return in_gamut(painted + np.float32(TRANSPORTED) * (moved - painted))
