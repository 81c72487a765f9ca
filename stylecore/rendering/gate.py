"""The gate: is a render still the product, in the style that was asked for, on clean ground?

Five figures, each by a way of its own:
- identity: how much nearer the render is to its photo than to any photo of a gallery, by the
  feature network's embedding; above 0 the photo is found again among them.
- structure: structural similarity of luminance where the photo has structure, of the render or of
  its negative.
- style: the probability that the feature network's style head gives the wanted style.
- background: how far plain ground is from what was meant, the photo's own or the style's paper.
- visibility: how far what lies along the product's outline is from the ground that was meant.

In a scene the product is judged alone, on white, and its outline against what is painted beside it.

A figure that does not apply is None and rejects nothing: style under a reference picture, a
palette or the product's own colour; style and visibility below STYLE_FROM of strength; background
and visibility without plain ground; identity without a gallery. The gate does not judge beauty,
nor goods and styles on which the feature network was not trained.
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
from stylecore.imaging.photo import LUMA, Pixels, to_floats, to_pixels
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
from stylecore.rendering.postprocess import visibility

STYLE_FROM = 0.7
"""Strength from which a render must show its style; below, the photo is meant to show."""
Verdict = Callable[[Task, Pixels], list[RejectionReason]]
"""Why a finished picture at the working size is rejected; nothing where it is not."""
_CLEAR = 0.02
"""Alpha up to which there is no product."""
_BESIDE = 0.02
"""Sigma of what counts as beside a product in a scene, of the shorter side."""
SAME_PHOTO = 0.99
"""Cosine from which a photo of the gallery is the source itself."""


@dataclass(frozen=True)
class QualityModel:
    """The feature network and the embeddings [N, E] of its gallery; N may be 0."""

    net: FeatureNet
    gallery: Floats


@dataclass(frozen=True)
class GateTarget:
    """What a render at the working size was to be."""

    photo: Floats
    embedding: Floats
    """[E], of the photo."""
    styles: Mapping[str, float]
    """Style to share; empty where the style is not judged."""
    plain: Bools
    """[H, W], where the photo has plain ground."""
    ground: Pixels
    """[n, 3], what the n pixels of `plain` were to become."""
    meant: Pixels | None = None
    """[H, W, 3], the ground that was meant all over; None where visibility is not judged."""
    mask: Floats | None = None
    """[H, W], where the product is."""
    notes: tuple[str, ...] = ()
    """Of the photo's reading."""
    matte: float | None = None
    """Confidence of the matte by which the product was cut out."""
    in_scene: Floats | None = None
    """[H, W], where a scene has its product; there alone, and at its outline, it is judged."""


def load_quality_model(folder: Path) -> QualityModel:
    """Return the feature network of a folder with its gallery. Raises Permanent."""
    net = FeatureNet(folder)
    return QualityModel(net, load_gallery(folder, net.manifest))


def describe(quality_model: QualityModel, sources: Sequence[Source]) -> Floats:
    """Return [B, E], the embeddings of photos."""
    squashed = [to_pixels(source.shown) for source in sources]
    return quality_model.net.describe_all(squashed).embedding


def gate_target(task: Task, embedding: Floats, manifest: GeneratorManifest) -> GateTarget:
    """Return what the render of a task is held against; `embedding` [E] is its photo's."""
    plain = plain_ground(task.source)
    meant = to_pixels(meant_ground(task, manifest))
    shares = zip(task.weights.tolist(), manifest.styles, strict=True)
    painted = min(task.strength, task.product_strength) >= STYLE_FROM
    judged = painted and not task.colouring.changes
    product = task.source.product
    return GateTarget(
        photo=task.source.shown,
        embedding=embedding,
        styles={style.style_id: share for share, style in shares if share > 0} if judged else {},
        plain=plain,
        ground=meant[plain],
        meant=meant if task.strength >= STYLE_FROM else None,
        mask=task.source.mask,
        notes=task.source.notes,
        matte=None if product is None else product.confidence,
        in_scene=None if task.source.alone is None or product is None else product.small_alpha,
    )


def plain_ground(source: Source) -> Bools:
    """[H, W]: the ground that was found, or the border where it is white and none was found."""
    ground = np.asarray(source.mask < 0.5)
    if not ground.any() and source.alone is None:
        photo = to_pixels(source.pixels)
        return border_ring(photo.shape) if stands_on_white(photo) else ground
    return ground


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
    judged = [_product_alone(render, one) for render, one in zip(renders, targets, strict=True)]
    found = quality_model.net.describe_all(judged)
    return [
        Quality(
            identity=identity(embedding, one.embedding, quality_model.gallery),
            structure=structure(one.photo @ LUMA, to_floats(shown) @ LUMA),
            style=style(styles, quality_model.net.styles, one.styles),
            background=background(shown[one.plain], one.ground),
            visibility=_visibility(render, one),
            matte=one.matte,
            notes=list(one.notes),
        )
        for one, render, shown, embedding, styles in zip(
            targets, renders, judged, found.embedding, found.styles, strict=True
        )
    ]


def verdict(
    quality_model: QualityModel,
    manifest: GeneratorManifest,
    overrides: Bounds,
    task: Task,
    render: Pixels,
) -> list[RejectionReason]:
    """Return why a render at the working size is rejected, measuring it first."""
    (embedding,) = describe(quality_model, [task.source])
    (quality,) = measure(quality_model, [gate_target(task, embedding, manifest)], [render])
    return judge(quality, bounds_of(task, manifest, overrides))


def identity(render: Floats, source: Floats, gallery: Floats) -> float | None:
    """Cosine of render and source [E] over the best to another photo of the gallery, -2..2."""
    others = gallery[gallery @ source < SAME_PHOTO]
    if not len(others):
        return None
    return float(render @ source - (others @ render).max())


def structure(before: Floats, after: Floats) -> float:
    """Structural similarity of two luma planes, -1..1, of the render or of its negative.

    Wang et al., IEEE TIP 2004: gaussian window, sigma 1.5, data range 1. Windows weigh by the
    photo's own deviation: the plain mean is led by flat ground, and mush has more of it than a
    painting. A style on dark ground turns light and shade round, which keeps the structure; so the
    better of both counts. 1 for a photo without any structure.
    """
    mean_before, mean_after = blurred(before), blurred(after)
    variance = blurred(before * before) - mean_before**2
    variances = variance + blurred(after * after) - mean_after**2
    covariance = blurred(before * after) - mean_before * mean_after
    weights = np.sqrt(np.maximum(variance, 0))
    if not weights.any():
        return 1.0
    same = similarity(mean_before, mean_after, variances, covariance)
    turned = similarity(mean_before, 1 - mean_after, variances, -covariance)
    return max(float(np.average(windows, weights=weights)) for windows in (same, turned))


def style(probabilities: Floats, names: Sequence[str], wanted: Mapping[str, float]) -> float | None:
    """Return the probability 0..1 of the wanted styles together; None where one is not known."""
    if not wanted or not wanted.keys() <= set(names):
        return None
    return float(sum(probabilities[names.index(name)] for name in wanted))


def background(found: Pixels, meant: Pixels) -> float | None:
    """Mean CIE76 difference of two [n, 3]; about 1 is the least that an eye sees."""
    if not len(found):
        return None
    return float(np.linalg.norm(to_cielab(found) - to_cielab(meant), axis=-1).mean())


def _product_alone(render: Pixels, target: GateTarget) -> Pixels:
    """Return a render as it is judged: of a scene the product, on white."""
    if target.in_scene is None:
        return render
    alpha = target.in_scene[..., None]
    # What shines through the soft edge is replaced, else a white product would have a dark rim.
    ground = to_floats(surroundings(render, target.in_scene))
    freed = to_floats(render) + (1 - alpha) * (1 - ground)
    return to_pixels(np.where(alpha > _CLEAR, freed, np.float32(1)))


def _visibility(render: Pixels, target: GateTarget) -> float | None:
    if target.in_scene is not None:
        return visibility(render, surroundings(render, target.in_scene), target.in_scene)
    if target.meant is None or target.mask is None:
        return None
    return visibility(render, target.meant, target.mask)


def surroundings(picture: Pixels, alpha: Floats) -> Pixels:
    """Return a picture [H, W, 3] whose ground goes on within the product, as it is beside it."""
    sigma = _BESIDE * min(alpha.shape)
    ground = (1 - alpha) ** 4  # what shines through soft edges counts little
    around = np.maximum(ndimage.gaussian_filter(ground, sigma), np.float32(1e-4))
    spread = ndimage.gaussian_filter(picture * ground[..., None], (sigma, sigma, 0))
    return np.asarray((spread / around[..., None] + 0.5).clip(0, 255), np.uint8)


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
