"""The gate: is a render still the product, in the style that was asked for, on clean ground?

Seven figures, each by a way of its own:
- identity: how much nearer the render is to its photo than to any photo of a gallery, by the
  feature network's embedding; above 0 the photo is found again among them.
- structure: structural similarity of luminance where the photo has structure, of the render or of
  its negative.
- style: the probability that the feature network's style head gives the wanted style.
- background: how far plain ground is from what was meant, the photo's own or the style's paper.
- visibility: how far what lies along the product's outline is from the ground that was meant.
- halo: how far the ground just outside a product that was cut out is from what was meant.
- colour: how far the product's hue and chroma are from the photo's, where it is to keep them.

A product that keeps its own pixels, and one in a scene, is judged alone, on white; its outline in a
scene against what is painted beside it.

A figure that does not apply is None and rejects nothing: style under a reference picture, a
palette or the product's own colour; style and visibility below STYLE_FROM of strength; background
and visibility without plain ground; halo without a product that was cut out; colour where the
product is painted; identity without a gallery. The gate does not judge beauty, nor goods and styles
on which the feature network was not trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from schemas.events import Quality, RejectionReason
from stylecore.arrays import Bools, Floats
from stylecore.imaging.color import to_cielab
from stylecore.imaging.foreground import border_ring, stands_on_white
from stylecore.imaging.photo import LUMA, Pixels, luma_of, to_floats, to_pixels
from stylecore.rendering.composition import Provider
from stylecore.rendering.draw import Source, Task, meant_ground
from stylecore.rendering.features import FeatureNet, load_gallery
from stylecore.rendering.manifest import (
    Bounds,
    GeneratorManifest,
    blended_bounds,
    judge,
    loosest,
    overridden,
)
from stylecore.rendering.postprocess import surroundings, visibility

STYLE_FROM = 0.7
"""Strength from which a render must show its style; below, the photo is meant to show."""
Verdict = Callable[[Task, Pixels], list[RejectionReason]]
"""Why a finished picture at the working size is rejected; nothing where it is not."""
SAME_PHOTO = 0.99
"""Cosine from which a photo of the gallery is the source itself."""
RIM = (1, 4)
"""Pixels outside the product between which a halo is looked for; the contour comes up to 1."""
LEAST_SEEN, INSIDE = 0.02, 0.95
"""Alpha above which a pixel has something of the product, and nothing else."""


@dataclass(frozen=True)
class QualityModel:
    """The feature network and the embeddings [N, E] of its gallery; N may be 0."""

    net: FeatureNet
    gallery: Floats


@dataclass(frozen=True)
class Luminance:
    """A luma plane's own part of the structural similarity, [H, W] each."""

    plane: Floats
    mean: Floats
    variance: Floats


@dataclass(frozen=True)
class Described:
    """What renders of a photo are held against, whatever their style."""

    source: Source
    embedding: Floats
    """[E], of the photo."""
    luminance: Luminance
    plain: Bools
    """[H, W], where the photo has plain ground."""
    rim: Bools
    """[H, W], the ground just outside a product that was cut out; else empty."""


@dataclass(frozen=True)
class GateTarget:
    """What a render at the working size was to be."""

    photo: Described
    styles: Mapping[str, float]
    """Style to share; empty where the style is not judged."""
    meant: Pixels
    """[H, W, 3] or [1, 1, 3], the ground that was meant; of no use in a scene."""
    judges_visibility: bool
    is_kept: bool
    """Whether the product was cut out and is to have the photo's own pixels."""
    keeps_colour: bool
    """Whether the product is to have the photo's hue and chroma."""


def load_quality_model(folder: Path, provider: Provider = "cpu") -> QualityModel:
    """Return the feature network of a folder with its gallery. Raises Permanent."""
    net = FeatureNet(folder, provider=provider)
    return QualityModel(net, load_gallery(folder, net.manifest))


def describe(quality_model: QualityModel, sources: Sequence[Source]) -> list[Described]:
    """Return what renders of these photos are held against, in their order."""
    squashed = [to_pixels(source.shown) for source in sources]
    embeddings = quality_model.net.describe_all(squashed).embedding
    return [
        Described(
            source, embedding, luminance(source.shown @ LUMA), plain_ground(source), _rim(source)
        )
        for source, embedding in zip(sources, embeddings, strict=True)
    ]


def gate_target(task: Task, photo: Described, manifest: GeneratorManifest) -> GateTarget:
    """Return what the render of a task is held against; `photo` describes its source."""
    shares = zip(task.weights.tolist(), manifest.styles, strict=True)
    painted = min(task.strength, task.product_strength) >= STYLE_FROM
    judged = painted and not task.colouring.changes
    is_kept = task.product_strength == 0 and task.source.is_cut_out
    return GateTarget(
        photo=photo,
        styles={style.style_id: share for share, style in shares if share > 0} if judged else {},
        meant=to_pixels(meant_ground(task, manifest)),
        judges_visibility=task.strength >= STYLE_FROM,
        is_kept=is_kept,
        keeps_colour=task.product_strength == 0 or task.colouring.keep_product,
    )


def plain_ground(source: Source) -> Bools:
    """[H, W]: the ground that was found, or the border where it is white and none was found."""
    # Beside a matte its soft edge is no ground.
    ground = np.asarray(source.mask < (LEAST_SEEN if source.is_cut_out else 0.5))
    if not ground.any() and source.alone is None:
        photo = to_pixels(source.pixels)
        return border_ring(photo.shape) if stands_on_white(photo) else ground
    return ground


def _rim(source: Source) -> Bools:
    if not source.is_cut_out:
        return np.zeros(source.mask.shape, bool)
    product = source.mask > LEAST_SEEN
    inner, outer = (ndimage.binary_dilation(product, iterations=width) for width in RIM)
    return np.asarray(outer & ~inner)


def bounds_of(task: Task, manifest: GeneratorManifest, overrides: Bounds) -> Bounds:
    """The bounds for a task: its styles' by their shares, a reference's the loosest of all."""
    styles = manifest.styles
    if task.colouring.reference is not None:
        return overridden(loosest(style.bounds for style in styles), overrides)
    shares = zip(task.weights.tolist(), styles, strict=True)
    return overridden(blended_bounds([(share, style.bounds) for share, style in shares]), overrides)


def measure(
    quality_model: QualityModel, targets: Sequence[GateTarget], renders: Sequence[Pixels]
) -> list[Quality]:
    """Return the figures of B renders, each [H, W, 3] as its photo is, in their order."""
    pairs = zip(renders, targets, strict=True)
    judged, meant = zip(*(_judged(render, target) for render, target in pairs), strict=True)
    found = quality_model.net.describe_all(judged)
    return [
        _measured(quality_model, *each)
        for each in zip(targets, renders, judged, meant, found.embedding, found.styles, strict=True)
    ]


def _judged(render: Pixels, target: GateTarget) -> tuple[Pixels, Pixels]:
    """Return a render as it is judged, or its product on white, and its ground."""
    source, ground = target.photo.source, target.meant
    if source.product is None or not (target.is_kept or source.alone is not None):
        return render, ground
    alpha = source.product.small_alpha
    if source.alone is not None:
        ground = surroundings(render, alpha)
    # What shines through the soft edge is replaced, else a white product would have a dark rim.
    freed = to_floats(render) + (1 - alpha[..., None]) * (1 - to_floats(ground))
    return to_pixels(np.where(alpha[..., None] > LEAST_SEEN, freed, np.float32(1))), ground


def _measured(
    quality_model: QualityModel,
    target: GateTarget,
    render: Pixels,
    judged: Pixels,
    meant: Pixels,
    embedding: Floats,
    styles: Floats,
) -> Quality:
    photo, source = target.photo, target.photo.source
    lab = to_cielab(render)
    apart = np.linalg.norm(lab - to_cielab(meant), axis=-1)
    return Quality(
        identity=identity(embedding, photo.embedding, quality_model.gallery),
        structure=structure(photo.luminance, luma_of(judged)),
        style=style(styles, quality_model.net.styles, target.styles),
        background=_mean(apart[photo.plain]),
        visibility=visibility(apart, source.outline) if target.judges_visibility else None,
        halo=_mean(apart[photo.rim]),
        colour=colour(lab, source) if target.keeps_colour else None,
        matte=None if source.product is None else source.product.confidence,
        notes=list(source.notes),
    )


def verdict(
    quality_model: QualityModel,
    manifest: GeneratorManifest,
    overrides: Bounds,
    task: Task,
    render: Pixels,
) -> list[RejectionReason]:
    """Return why a render at the working size is rejected, measuring it first."""
    (photo,) = describe(quality_model, [task.source])
    (quality,) = measure(quality_model, [gate_target(task, photo, manifest)], [render])
    return judge(quality, bounds_of(task, manifest, overrides))


def identity(render: Floats, source: Floats, gallery: Floats) -> float | None:
    """Cosine of render and source [E] over the best to another photo of the gallery, -2..2."""
    others = gallery[gallery @ source < SAME_PHOTO]
    if not len(others):
        return None
    return float(render @ source - (others @ render).max())


def luminance(plane: Floats) -> Luminance:
    """Return a luma plane [H, W] of 0-1 with its means and variances in windows."""
    mean = blurred(plane)
    return Luminance(plane, mean, blurred(plane * plane) - mean**2)


def structure(photo: Luminance, render: Floats) -> float:
    """Structural similarity of a photo and a render's luma [H, W], -1..1, or of its negative.

    Wang et al., IEEE TIP 2004: gaussian window, sigma 1.5, data range 1. Windows weigh by the
    photo's own deviation: the plain mean is led by flat ground, and mush has more of it than a
    painting. A style on dark ground turns light and shade round, which keeps the structure; so the
    better of both counts. 1 for a photo without any structure.
    """
    weights = np.sqrt(np.maximum(photo.variance, 0))
    if not weights.any():
        return 1.0
    drawn = luminance(render)
    variances = photo.variance + drawn.variance
    covariance = blurred(photo.plane * render) - photo.mean * drawn.mean
    same = similarity(photo.mean, drawn.mean, variances, covariance)
    turned = similarity(photo.mean, 1 - drawn.mean, variances, -covariance)
    return max(float(np.average(windows, weights=weights)) for windows in (same, turned))


def style(probabilities: Floats, names: Sequence[str], wanted: Mapping[str, float]) -> float | None:
    """Return the probability 0..1 of the wanted styles together; None where one is not known."""
    if not wanted or not wanted.keys() <= set(names):
        return None
    return float(sum(probabilities[names.index(name)] for name in wanted))


def colour(lab: Floats, source: Source) -> float | None:
    """Mean difference in hue and chroma, a and b of CIE LAB [H, W, 3], inside the product."""
    if source.product is None:
        return None
    inside = source.product.small_alpha > INSIDE
    own = to_cielab(to_pixels(source.shown[inside]))
    return _mean(np.linalg.norm(lab[inside, 1:] - own[:, 1:], axis=-1))


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def blurred(plane: Floats) -> Floats:
    """Average a plane [H, W] over the windows of the structural similarity."""
    means: Floats = ndimage.gaussian_filter(plane, 1.5, truncate=3.5)
    return means


def similarity(before: Floats, after: Floats, variances: Floats, covariance: Floats) -> Floats:
    """Return [H, W], SSIM of windows with these means, summed variances and covariance."""
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2 * before * after + c1) * (2 * covariance + c2)
    denominator = (before**2 + after**2 + c1) * (variances + c2)
    return np.asarray(numerator / denominator, np.float32)
