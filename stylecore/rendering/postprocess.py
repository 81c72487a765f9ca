"""Postprocess renders: colours, mask and contour.

- Colours (`recoloured`): a reference's, a palette's, or the product's own. A reference's dominant
  colours are met first, as a palette's are, then by a share its Gaussian: alone it would bring
  every product of one colour to the picture's mean. The statistics are those of the product, so
  that white ground neither counts nor changes; a photo without plain ground counts as product from
  edge to edge.
- Contour (`contour_share`): a white product on pale paper is drawn as paper, so what lies along its
  outline must differ from the ground. `visibility` is the figure for that.

Finish, fine detail and the final mix are graphs (composition.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from schemas.events import StyleDefinition
from stylecore.arrays import Bools, Floats
from stylecore.imaging import color
from stylecore.imaging.color import from_oklab, gaussian_of, in_gamut, matched, to_oklab
from stylecore.imaging.foreground import has_plain_ground
from stylecore.imaging.palette import palette_lab, repainted, with_colour_of
from stylecore.imaging.photo import Pixels
from stylecore.rendering.style import Reference, laid_out

TRANSPORTED = 0.4
"""Share of the way from a reference's dominant colours to its Gaussian."""
PHOTO_GROUND: Floats = np.array([1, 0, 0, 0], np.float32)
SHOWN_THROUGH = 0.12
"""Distance in OKLab from the ground at which a pixel is nearly free of it."""


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


def ground_of(ground: Floats, colouring: Colouring) -> Floats:
    """Return [4], share of the photo and colour of the ground; `ground` is the drawn styles' own.

    A reference picture brings its paper where it plainly has one, and else leaves white white.
    """
    if colouring.paper is not None:
        return np.array([0, *colouring.paper], np.float32)
    return ground if colouring.reference is None else PHOTO_GROUND


def recoloured(
    render: Floats,
    photo: Floats,
    mask: Floats,
    ground: Floats,
    colouring: Colouring,
    product: Floats | None = None,
) -> Floats:
    """Return the render [H, W, 3] in its final colours; `mask` [H, W] is 0 on plain ground.

    `product` [H, W] is the matte, within which the product keeps its colour; without one the whole
    picture does.

    `ground` [4] is the drawn styles' own (style.drawn_ground). Where it shows through the product
    (soft shadows, pale washes) the new ground does too, so that no rim appears; not where the
    product keeps its own colour, for its white would be lost.
    """
    if not colouring.changes:
        return render
    before = to_oklab(render)
    after = _moved(before, photo, mask, colouring, product)
    if has_plain_ground(mask) and not colouring.keep_product:
        grounds = (ground, ground_of(ground, colouring))
        old, new = (_level(laid_out(part, photo), mask) for part in grounds)
        apart = np.linalg.norm(before - old, axis=-1, keepdims=True)
        after += np.exp(-((apart / np.float32(SHOWN_THROUGH)) ** 2)) * (new - after)
    return from_oklab(after)


def _level(ground: Floats, mask: Floats) -> Floats:
    """Return the mean colour of the plain ground, OKLab [3]."""
    shares = np.broadcast_to((1 - mask)[..., None], ground.shape)
    return to_oklab(np.average(ground, axis=(0, 1), weights=shares).astype(np.float32))


def _moved(
    lab: Floats, photo: Floats, mask: Floats, colouring: Colouring, product: Floats | None
) -> Floats:
    if colouring.reference is not None:
        lab = _like(lab, mask, colouring.reference)
    if colouring.palette is not None:
        lab = repainted(lab, mask, colouring.palette)
    if colouring.keep_product:
        kept = with_colour_of(lab, to_oklab(photo))
        lab = kept if product is None else lab + product[..., None] * (kept - lab)
    return lab


def _like(lab: Floats, mask: Floats, reference: Reference) -> Floats:
    """OKLab [...,3] in a reference's colours; lighter stays lighter."""
    painted = repainted(lab, mask, reference.palette)
    moved = matched(painted, gaussian_of(painted, mask), reference.colours)
    return in_gamut(painted + np.float32(TRANSPORTED) * (moved - painted))


def enlarged_mask(mask: Floats, large: Pixels) -> Floats:
    """The mask [h, w] at the size [H, W] of the large photo; its edge stays as many pixels wide."""
    height, width = large.shape[:2]
    steepness = np.float32(width / mask.shape[1])
    wide = _resized_plane(mask, (width, height))
    sharp: Floats = np.clip((wide - 0.5) * steepness + 0.5, 0, 1)
    return sharp


def _resized_plane(plane: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))


_BESIDE = 3
"""Pixels at either side of the outline that belong to it."""
_NEARBY = 0.02
"""Sigma of what counts as the surroundings of a product, of the shorter side."""
_SEEN = 0.07
"""Distance in OKLab from the ground from which an outline needs no contour."""
_WIDTH = 1 / 256
"""Sigma of the contour, of the shorter side."""
_DARKER, _LIGHTER, _LIGHT = 0.62, 0.4, 0.5
"""The contour's tone: a share of a light ground's levels, or so far from a dark one's to white."""


@dataclass(frozen=True)
class Outline:
    """Where a product meets its ground, [H, W] each."""

    line: Bools
    """The product's own pixels beside the ground."""
    band: Bools
    """What lies within `width` of the line."""
    near: Bools
    """The band, and what the means of 3 x 3 pixels in it depend on."""
    width: int


def outline_of(mask: Floats) -> Outline | None:
    """Return the outline of the product of a mask [H, W]; None where it meets no ground."""
    product = mask >= 0.5
    line = np.asarray(product & ~ndimage.binary_erosion(product, border_value=1))
    if not line.any():
        return None
    width = max(_BESIDE, round(2 * _WIDTH * min(mask.shape)))
    band = np.asarray(ndimage.binary_dilation(line, iterations=width))
    near = np.asarray(ndimage.binary_dilation(band, np.ones((3, 3), bool)))
    return Outline(line, band, near, width)


def visibility(apart: Floats, outline: Outline | None) -> float | None:
    """Return the mean over the outline of the greatest difference beside it from the ground.

    `apart` [H, W] is the difference of the picture from the ground that is meant at each place.
    None where there is no outline.
    """
    return None if outline is None else float(_beside(apart, outline)[outline.line].mean())


def contour_share(shown: Floats, ground: Floats, outline: Outline) -> Floats:
    """Return [H, W], the share of a soft contour's tone where the product is like the ground.

    `shown` and `ground` are the colours [n, 3] of picture and ground at the n places that are near
    the outline.
    """
    sigma = _WIDTH * min(outline.line.shape)
    apart = np.zeros(outline.line.shape, np.float32)
    apart[outline.near] = np.linalg.norm(color.to_oklab(shown) - color.to_oklab(ground), axis=-1)
    seen = _beside(apart, outline)[outline.line]
    lost = np.zeros_like(apart)
    lost[outline.line] = np.clip(1 - seen / np.float32(_SEEN), 0, 1)
    if not lost.any():
        return lost
    whole = ndimage.gaussian_filter(outline.line.astype(np.float32), 4 * sigma)
    shared = ndimage.gaussian_filter(lost, 4 * sigma) / np.maximum(whole, np.float32(1e-6))
    line = ndimage.gaussian_filter(np.where(outline.line, shared, 0), sigma)
    return np.asarray(np.clip(line / np.float32(_peak(sigma)), 0, 1), np.float32)


def contour_tone(ground: Floats) -> Floats:
    """Return the contour's colour [3] on a ground [3]: darker on a light one, lighter on a dark."""
    dark = float(ground.mean()) < _LIGHT
    return np.asarray(ground + _LIGHTER * (1 - ground) if dark else _DARKER * ground, np.float32)


def _beside(apart: Floats, outline: Outline) -> Floats:
    """Return [H, W], the greatest mean of 3 x 3 pixels of the band within its width."""
    even = np.where(outline.band, ndimage.uniform_filter(apart, 3), 0)
    return np.asarray(ndimage.maximum_filter(even, 2 * outline.width + 1), np.float32)


def surroundings(picture: Pixels, alpha: Floats) -> Pixels:
    """Return a picture [H, W, 3] whose ground goes on within the product, as it is beside it."""
    sigma = _NEARBY * min(alpha.shape)
    ground = (1 - alpha) ** 4  # what shines through soft edges counts little
    around = np.maximum(ndimage.gaussian_filter(ground, sigma), np.float32(1e-4))
    spread = ndimage.gaussian_filter(picture * ground[..., None], (sigma, sigma, 0))
    return np.asarray((spread / around[..., None] + 0.5).clip(0, 255), np.uint8)


def _peak(sigma: float) -> float:
    """Return what a gaussian of a line one pixel wide has at its middle."""
    return float(1 / (sigma * np.sqrt(2 * np.pi)))
