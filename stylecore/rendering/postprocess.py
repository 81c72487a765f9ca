"""Postprocess renders: colours, finish, fine detail, contour.

- Colours (`recoloured`): a reference's, a palette's, or the product's own. A reference's dominant
  colours are met first, as a palette's are, then by a share its Gaussian: alone it would bring
  every product of one colour to the picture's mean. The statistics are those of the product, so
  that white ground neither counts nor changes; a photo without plain ground counts as product from
  edge to edge.
- Finish (`postprocessed`): sharpness, colour and tint of the style, at each place alone, so that a
  render moves along with its photo in a clip.
- Fine detail (`enlarged`): the network draws at the working size. What of the photo is finer (the
  finest level of a Laplacian pyramid, Burt and Adelson 1983) is added to the enlarged render, as
  much and with the sign with which the render follows the photo there: the slope of a local linear
  fit, as in guided upsampling (He and Sun, "Fast guided filter", 2015). Only luminance is added.
- Contour (`with_contour`): a white product on pale paper is drawn as paper, so what lies along its
  outline must differ from the ground. `visibility` is the figure for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from schemas.events import StyleDefinition
from stylecore.arrays import Bools, Floats
from stylecore.imaging import color
from stylecore.imaging.color import from_oklab, gaussian_of, in_gamut, matched, to_cielab, to_oklab
from stylecore.imaging.foreground import has_plain_ground
from stylecore.imaging.palette import palette_lab, repainted, with_colour_of
from stylecore.imaging.photo import LUMA, Pixels, to_floats, to_pixels
from stylecore.rendering.manifest import PostprocessParams
from stylecore.rendering.style import Reference

TRANSPORTED = 0.4
"""Share of the way from a reference's dominant colours to its Gaussian."""
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


def ground_of(photo: Floats, ground: Floats, colouring: Colouring) -> Floats:
    """[H, W, 3], what plain ground becomes, where `ground` is what the drawn styles make of it.

    A reference picture brings its paper where it plainly has one, and else leaves white white.
    """
    if colouring.paper is not None:
        return np.broadcast_to(colouring.paper, photo.shape)
    return ground if colouring.reference is None else photo


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

    `ground` is the drawn styles' own. Where it shows through the product (soft shadows, pale
    washes) the new ground does too, so that no rim appears; not where the product keeps its own
    colour, for its white would be lost.
    """
    if not colouring.changes:
        return render
    before = to_oklab(render)
    after = _moved(before, photo, mask, colouring, product)
    if has_plain_ground(mask) and not colouring.keep_product:
        old, new = (_level(part, mask) for part in (ground, ground_of(photo, ground, colouring)))
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


_RADIUS = 1.4
"""Sigma in pixels of the working size of the unsharp mask."""


def postprocessed(render: Floats, photo: Floats, params: PostprocessParams) -> Floats:
    """Return the render [H, W, 3] crisper or softer, muted or vivid, with the photo's share.

    Detail comes later. Colour keeps its luminance, and paper of the tint keeps its colour.
    """
    if params.sharpness:
        soft = ndimage.gaussian_filter(render, (_RADIUS, _RADIUS, 0), truncate=3.0)
        render = render + np.float32(params.sharpness) * (render - soft)
    if params.photo:
        render = render + np.float32(params.photo) * (photo - render)
    if params.colour != 1:
        tint = np.array(params.tint, np.float32)
        faded = (render @ LUMA)[..., None] * (tint / np.float32(tint @ LUMA))
        render = np.asarray(faded + np.float32(params.colour) * (render - faded), np.float32)
    return np.asarray(render.clip(0, 1), np.float32)


_FINE = 1.5
"""Sigma in pixels of the working size: what is finer than this is fine."""
_WINDOW = 9
"""Side in pixels of the working size of the windows of the local fit."""
_UNCERTAIN = 0.02**2
"""Variance of luminance below which a window does not determine the slope."""
_STEEPEST = 1.2


def with_fine_luminance(render: Floats, photo: Floats, share: float) -> Floats:
    """Return the render [H, W, 3] with a share, 0-1, of the photo's fine luminance added."""
    if share == 0:
        return render
    luma = photo @ LUMA
    fine = luma - ndimage.gaussian_filter(luma, _FINE)
    return np.asarray(render + np.float32(share) * fine[..., None], np.float32)


def enlarged(render: Floats, photo: Floats, large: Pixels, least: float) -> Floats:
    """The render [h, w, 3] at the size [H, W, 3] of the large photo, with what is finer put back.

    `least`, 0-1, is the share that goes back even where the fit is undetermined, as on woven cloth.
    """
    size = (large.shape[1], large.shape[0])
    slope = _slope(photo @ LUMA, render @ LUMA)
    share = np.maximum(slope, least) if least else slope
    finer = _resized_plane(share, size) * _finer(photo, large)
    return np.asarray(_resized_colours(render, size) + finer[..., None], np.float32)


def enlarged_mask(mask: Floats, large: Pixels) -> Floats:
    """The mask [h, w] at the size [H, W] of the large photo; its edge stays as many pixels wide."""
    height, width = large.shape[:2]
    steepness = np.float32(width / mask.shape[1])
    wide = _resized_plane(mask, (width, height))
    sharp: Floats = np.clip((wide - 0.5) * steepness + 0.5, 0, 1)
    return sharp


def _finer(photo: Floats, large: Pixels) -> Floats:
    """Return [H, W], luminance of the large photo less that of the working photo enlarged."""
    small = Image.fromarray(to_pixels(photo)).convert("L")
    sharp = Image.fromarray(large).convert("L")
    smooth = small.resize(sharp.size, Image.Resampling.BICUBIC)
    difference = np.asarray(sharp, np.int16) - np.asarray(smooth, np.int16)
    return np.asarray(difference * np.float32(1 / 255), np.float32)


def _slope(photo: Floats, render: Floats) -> Floats:
    """Least-squares slope of render luminance over photo luminance in windows."""

    def mean(plane: Floats) -> Floats:
        return np.asarray(ndimage.uniform_filter(plane, _WINDOW), np.float32)

    covariance = mean(photo * render) - mean(photo) * mean(render)
    variance = mean(photo * photo) - mean(photo) ** 2
    slope: Floats = np.clip(covariance / (variance + _UNCERTAIN), -_STEEPEST, _STEEPEST)
    return slope


def _resized_colours(picture: Floats, size: tuple[int, int]) -> Floats:
    resized = Image.fromarray(to_pixels(picture)).resize(size, Image.Resampling.BICUBIC)
    return to_floats(np.asarray(resized))


def _resized_plane(plane: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))


_BESIDE = 3
"""Pixels at either side of the outline that belong to it."""
_SEEN = 0.07
"""Distance in OKLab from the ground from which an outline needs no contour."""
_WIDTH = 1 / 256
"""Sigma of the contour, of the shorter side."""
_DARKER, _LIGHTER, _LIGHT = 0.62, 0.4, 0.5
"""The contour's tone: a share of a light ground's levels, or so far from a dark one's to white."""


def visibility(picture: Pixels, ground: Pixels, mask: Floats) -> float | None:
    """Mean over the outline of the greatest CIE76 difference beside it from the ground meant there.

    `picture` and `ground` [H, W, 3], `mask` [H, W]. None where there is no outline.
    """
    outline = outline_of(mask)
    if not outline.any():
        return None
    apart = np.linalg.norm(to_cielab(picture) - to_cielab(ground), axis=-1)
    return float(_beside(apart, outline, _BESIDE)[outline].mean())


def with_contour(picture: Floats, ground: Floats, mask: Floats) -> Floats:
    """Return the picture [H, W, 3] with a soft contour where its product is like the ground."""
    outline = outline_of(mask)
    if not outline.any():
        return picture
    sigma = _WIDTH * min(mask.shape)
    apart = np.linalg.norm(color.to_oklab(picture) - color.to_oklab(ground), axis=-1)
    seen = _beside(np.asarray(apart, np.float32), outline, max(_BESIDE, round(2 * sigma)))
    lost = np.where(outline, np.clip(1 - seen / np.float32(_SEEN), 0, 1), 0).astype(np.float32)
    whole = ndimage.gaussian_filter(outline.astype(np.float32), 4 * sigma)
    shared = ndimage.gaussian_filter(lost, 4 * sigma) / np.maximum(whole, np.float32(1e-6))
    line = ndimage.gaussian_filter(np.where(outline, shared, 0), sigma) / np.float32(_peak(sigma))
    dark = (ground.mean(axis=2, keepdims=True) < _LIGHT).astype(np.float32)
    tone = dark * (ground + _LIGHTER * (1 - ground)) + (1 - dark) * (_DARKER * ground)
    share = np.clip(line, 0, 1)[..., None]
    return np.asarray(picture + share * (tone - picture), np.float32)


def outline_of(mask: Floats) -> Bools:
    """Return [H, W]: the product's own pixels beside the ground."""
    product = mask >= 0.5
    return np.asarray(product & ~ndimage.binary_erosion(product, border_value=1))


def _beside(apart: Floats, outline: Bools, width: int) -> Floats:
    """Return [H, W], the greatest mean of 3 x 3 pixels within `width` of the outline."""
    band = ndimage.binary_dilation(outline, iterations=width)
    even = np.where(band, ndimage.uniform_filter(apart, 3), 0)
    return np.asarray(ndimage.maximum_filter(even, 2 * width + 1), np.float32)


def _peak(sigma: float) -> float:
    """Return what a gaussian of a line one pixel wide has at its middle."""
    return float(1 / (sigma * np.sqrt(2 * np.pi)))
