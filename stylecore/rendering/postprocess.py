"""A render's finish, laid on.

It looks at each place alone, so that a render still moves along with its photo. What it does not
know: how sharp or how colourful the photo was.

The photo's fine luminance, put back into its render: lettering, weave, a crisp contour.

The network draws at the working size. What of the photo is finer than that (the finest level of a
Laplacian pyramid, Burt and Adelson 1983) is added to the enlarged render, as much and with the sign
with which the render follows the photo there: the slope of a local linear fit between the two, as
in guided upsampling (He and Sun, "Fast guided filter", 2015). A style that turns light and dark
round so turns its lettering round too. What it does not know: detail that the style has painted
over on purpose; only luminance goes back, colour stays as wide as the working size drew it.

The colours of a render after the network: a reference's, a palette's, or the product's own.

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
from PIL import Image
from scipy import ndimage

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.imaging.color import from_oklab, gaussian_of, in_gamut, matched, to_oklab
from stylecore.imaging.foreground import has_plain_ground
from stylecore.imaging.palette import palette_lab, repainted, with_colour_of
from stylecore.imaging.photo import LUMA, Pixels, to_floats, to_pixels
from stylecore.rendering.manifest import Finish
from stylecore.rendering.style import Reference

_RADIUS = 1.4
"""Sigma in pixels of the working size of the unsharp mask."""


def finished(render: Floats, photo: Floats, finish: Finish) -> Floats:
    """The render [H, W, 3] crisper or softer, muted or vivid, with the photo's share.

    Detail comes later. Colour keeps its luminance, and paper of the tint keeps its colour.
    """
    if finish.sharpness:
        soft = ndimage.gaussian_filter(render, (_RADIUS, _RADIUS, 0), truncate=3.0)
        render = render + np.float32(finish.sharpness) * (render - soft)
    if finish.photo:
        render = render + np.float32(finish.photo) * (photo - render)
    if finish.colour != 1:
        tint = np.array(finish.tint, np.float32)
        faded = (render @ LUMA)[..., None] * (tint / np.float32(tint @ LUMA))
        render = np.asarray(faded + np.float32(finish.colour) * (render - faded), np.float32)
    return np.asarray(render.clip(0, 1), np.float32)


_FINE = 1.5
"""Sigma in pixels of the working size: what is finer than this is fine."""
_WINDOW = 9
"""Side in pixels of the working size of the windows of the local fit."""
_UNCERTAIN = 0.02**2
"""Variance of luminance below which a window tells nothing of the slope."""
_STEEPEST = 1.2


def with_fine_luminance(render: Floats, photo: Floats, share: float) -> Floats:
    """The render [H, W, 3] with a share, 0-1, of the photo's fine luminance added."""
    if share == 0:
        return render
    luma = photo @ LUMA
    fine = luma - ndimage.gaussian_filter(luma, _FINE)
    return np.asarray(render + np.float32(share) * fine[..., None], np.float32)


def enlarged(render: Floats, photo: Floats, large: Pixels, least: float) -> Floats:
    """The render [h, w, 3] at the size [H, W, 3] of the large photo, with what is finer put back.

    `least`, 0-1, is the share that goes back even where the fit tells nothing, as on woven cloth.
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
    """[H, W], luminance of the large photo less that of the working photo enlarged."""
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
