"""Evaluates a feature network on labelled photos and on a generator's renders of some of them.

evaluate_features (describe all photos; render photos at even distances in every style that network
and generator share) -> Observed -> features_report: confusion, accuracy, calibration and retrieval.
Retrieval asks for each render which photo has the highest cosine, among the rendered photos and,
harder, among all.

The baseline of retrieval is the similarity of oriented gradients (Dalal and Triggs, "Histograms of
oriented gradients for human detection", CVPR 2005), which needs no training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats, Ints
from stylecore.errors import SettingsError
from stylecore.evaluation.image_metrics import share_of_first
from stylecore.evaluation.inputs import even_places
from stylecore.imaging.contact_sheet import LabelledPhoto
from stylecore.imaging.photo import LUMA, Pixels, to_floats
from stylecore.rendering.draw import SampleRenders, sample_renders
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import FeatureNet, Features, squash

HEADLINE = (
    *("accuracy", "balanced_accuracy", "calibration_error"),
    *("style_accuracy", "style_calibration_error", "photo_recognised", "retrieval"),
)
"""The fields of FeaturesReport that are one number, 0-1."""


@dataclass(frozen=True)
class CategoryFigures:
    """One category's number of photos, recall and precision."""

    photos: int
    recall: float
    precision: float


@dataclass(frozen=True)
class StyleFigures:
    """Figures of one style's renders."""

    style_accuracy: float
    category_accuracy: float
    retrieval: float
    """Share whose source ranks first among the rendered photos."""
    retrieval_all: float
    """The same among all photos."""
    retrieval_gradients: float | None
    """The same by `likeness` of oriented gradients, among the rendered photos."""


@dataclass(frozen=True)
class FeaturesReport:
    """All figures. `confusion` is true category to predicted category to count."""

    photos: int
    drawn: int
    accuracy: float
    balanced_accuracy: float
    calibration_error: float
    style_accuracy: float
    """Mean over the styles and 'photo'."""
    style_calibration_error: float
    photo_recognised: float
    """Share of the rendered photos that are classified as photos."""
    retrieval: float
    """Mean over the styles, among the rendered photos."""
    categories: dict[str, CategoryFigures]
    confusion: dict[str, dict[str, int]]
    styles: dict[str, StyleFigures]


def headline(report: FeaturesReport) -> dict[str, float]:
    """Select the figures that a manifest keeps."""
    figures = {name: float(getattr(report, name)) for name in HEADLINE}
    figures |= {f"retrieval.{name}": style.retrieval for name, style in report.styles.items()}
    return {name: round(value, 4) for name, value in figures.items()}


Progress = Callable[[str], None]

GRADIENTS_SIDE = 128
"""Side in pixels at which oriented gradients are compared."""


def evaluate_features(
    net: FeatureNet,
    engine: Engine,
    photos: Sequence[LabelledPhoto],
    *,
    drawn: int,
    gradients: bool,
    progress: Progress,
) -> FeaturesReport:
    """Evaluate on all photos and on `drawn` of them in every common style.

    `gradients` computes the baseline, too. Raises SettingsError for a category that the network
    does not know, or if no style is common.
    """
    truth = category_rows(photos, net.categories)
    styles = [s.style_id for s in engine.manifest.styles if s.style_id in net.styles]
    if not styles:
        raise SettingsError("generator: the feature network knows none of its styles")
    places = even_places(len(photos), drawn)
    samples = _samples(engine, photos, places, styles, progress)
    chosen = [samples[place] for place in places]
    renders = {style: [sample.renders[style] for sample in chosen] for style in styles}
    observed = Observed(
        categories=net.categories,
        styles=net.styles,
        truth=truth,
        photos=net.describe_all([sample.photo for sample in samples]),
        places=places,
        renders={style: net.describe_all(pictures) for style, pictures in renders.items()},
        gradients=_gradients([sample.photo for sample in chosen], renders) if gradients else {},
    )
    return features_report(observed)


def category_rows(photos: Sequence[LabelledPhoto], categories: Sequence[str]) -> Ints:
    """Index each photo's category, [N]. Raises SettingsError for another category."""
    rows = {name: row for row, name in enumerate(categories)}
    if other := {photo.category for photo in photos} - rows.keys():
        raise SettingsError(
            f"photos: {min(other)!r} is no category of the feature network; "
            f"there are: {', '.join(categories)}"
        )
    return np.array([rows[photo.category] for photo in photos], np.int64)


def _samples(
    engine: Engine,
    photos: Sequence[LabelledPhoto],
    places: Ints,
    styles: Sequence[str],
    progress: Progress,
) -> list[SampleRenders]:
    """Read all photos and render those at `places`."""
    samples = []
    for place, photo in enumerate(photos):
        samples.append(sample_renders(engine, photo.path, styles if place in places else []))
        if place % 50 == 0:
            progress(f"{place} of {len(photos)} photos seen")
    return samples


def _gradients(photos: Sequence[Pixels], renders: dict[str, list[Pixels]]) -> dict[str, Floats]:
    sources = [_luma(photo) for photo in photos]
    return {
        style: np.array(
            [[likeness(source, _luma(picture)) for source in sources] for picture in pictures],
            np.float32,
        )
        for style, pictures in renders.items()
    }


def _luma(pixels: Pixels) -> Floats:
    luma: Floats = to_floats(squash(pixels, GRADIENTS_SIDE)) @ LUMA
    return luma


@dataclass(frozen=True)
class Observed:
    """A network's outputs for N photos and for the renders of those at `places`, by style."""

    categories: tuple[str, ...]
    styles: tuple[str, ...]
    truth: Ints
    """[N], indices into `categories`."""
    photos: Features
    places: Ints
    """[M], rows of `photos`."""
    renders: Mapping[str, Features]
    """Style to M renders."""
    gradients: Mapping[str, Floats]
    """Style to similarity of renders and photos by oriented gradients, [M, M]; may be empty."""


def features_report(observed: Observed) -> FeaturesReport:
    """Compute the figures of a network's outputs."""
    predicted = observed.photos.categories.argmax(axis=1)
    confusion = confusion_matrix(observed.truth, predicted, len(observed.categories))
    photo = len(observed.styles) - 1
    recognised = observed.photos.styles[observed.places].argmax(axis=1) == photo
    styles = {style: _style_figures(style, observed) for style in observed.renders}
    accuracies = [recognised.mean(), *(figures.style_accuracy for figures in styles.values())]
    return FeaturesReport(
        photos=len(observed.truth),
        drawn=len(observed.places),
        accuracy=accuracy(confusion),
        balanced_accuracy=balanced_accuracy(confusion),
        calibration_error=calibration_error(observed.photos.categories, observed.truth),
        style_accuracy=float(np.mean(accuracies)),
        style_calibration_error=_style_calibration_error(observed),
        photo_recognised=float(recognised.mean()),
        retrieval=float(np.mean([figures.retrieval for figures in styles.values()])),
        categories=_category_figures(confusion, observed.categories),
        confusion={
            name: dict(zip(observed.categories, map(int, row), strict=True))
            for name, row in zip(observed.categories, confusion, strict=True)
        },
        styles=styles,
    )


def _style_figures(style: str, observed: Observed) -> StyleFigures:
    found, places = observed.renders[style], observed.places
    everything = found.embedding @ observed.photos.embedding.T
    own = np.arange(len(places))
    by_gradients = observed.gradients.get(style)
    return StyleFigures(
        style_accuracy=_share(found.styles.argmax(axis=1), observed.styles.index(style)),
        category_accuracy=_share(found.categories.argmax(axis=1), observed.truth[places]),
        retrieval=float(share_of_first(-everything[:, places], own).mean()),
        retrieval_all=float(share_of_first(-everything, places).mean()),
        retrieval_gradients=None
        if by_gradients is None
        else float(share_of_first(-by_gradients, own).mean()),
    )


def _style_calibration_error(observed: Observed) -> float:
    parts = [observed.photos.styles[observed.places]]
    parts += [found.styles for found in observed.renders.values()]
    rows = [len(observed.styles) - 1, *map(observed.styles.index, observed.renders)]
    truth = np.repeat(np.array(rows, np.int64), len(observed.places))
    return calibration_error(np.concatenate(parts), truth)


def _category_figures(confusion: Ints, names: tuple[str, ...]) -> dict[str, CategoryFigures]:
    rows = zip(
        names,
        confusion.sum(axis=1),
        recalls(confusion),
        precisions(confusion),
        strict=True,
    )
    return {
        name: CategoryFigures(int(count), float(recall), float(precision))
        for name, count, recall, precision in rows
    }


def confusion_matrix(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """Count pairs, [classes, classes]: rows are true classes, columns predicted ones."""
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def accuracy(confusion: Ints) -> float:
    """Return the share of the diagonal; NaN where there are no counts."""
    return float(np.trace(confusion) / confusion.sum()) if confusion.sum() else float("nan")


def recalls(confusion: Ints) -> Floats:
    """Return the recall of each class, [classes]; NaN where it does not occur."""
    return _shares(confusion, confusion.sum(axis=1))


def precisions(confusion: Ints) -> Floats:
    """Return the precision of each class, [classes]; NaN where it is never predicted."""
    return _shares(confusion, confusion.sum(axis=0))


def _shares(confusion: Ints, totals: Ints) -> Floats:
    with np.errstate(invalid="ignore"):
        return (np.diag(confusion) / totals).astype(np.float32)


def balanced_accuracy(confusion: Ints) -> float:
    """Return the mean recall of the classes that occur."""
    return float(np.nanmean(recalls(confusion)))


BINS = 15


def calibration_error(probabilities: Floats, truth: Ints, bins: int = BINS) -> float:
    """Compute the expected calibration error, 0-1: difference of confidence and accuracy.

    Guo et al., "On calibration of modern neural networks", ICML 2017: bins of equal width of the
    highest probability; sum of |accuracy - mean confidence| weighted by the bins' shares.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    places = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    surplus = np.bincount(places, right - confidence, minlength=bins)
    return float(np.abs(surplus).sum() / len(truth))


ORIENTATIONS, GRID = 9, 8


def likeness(before: Floats, after: Floats) -> float:
    """Compute the cosine of histograms of oriented gradients of two luma planes [H, W], 0..1.

    9 unsigned orientations on a grid of 8 x 8 cells, each cell normalized; cells in which the first
    picture has no edge are left out.
    """
    ours, theirs = _oriented_gradients(before), _oriented_gradients(after)
    energy = np.linalg.norm(ours, axis=-1)
    counted = energy > 0.1 * energy.max()
    if not counted.any():
        return 1.0
    cosines = (_unit(ours) * _unit(theirs)).sum(axis=-1)
    return float(np.average(cosines[counted], weights=np.sqrt(energy[counted])))


def _oriented_gradients(luma: Floats) -> Floats:
    """Sum gradient magnitudes by cell and orientation, [GRID, GRID, ORIENTATIONS]."""
    smooth = ndimage.gaussian_filter(luma, 1.5)
    down, across = np.gradient(smooth)
    magnitude = np.hypot(down, across)
    orientation = (np.arctan2(down, across) / np.pi % 1 * ORIENTATIONS).astype(int) % ORIENTATIONS
    height, width = luma.shape
    rows = (np.arange(height) * GRID // height)[:, None]
    columns = (np.arange(width) * GRID // width)[None, :]
    bins = ((rows * GRID + columns) * ORIENTATIONS + orientation).ravel()
    counts = np.bincount(bins, magnitude.ravel(), minlength=GRID * GRID * ORIENTATIONS)
    return counts.reshape(GRID, GRID, ORIENTATIONS).astype(np.float32)


def _unit(cells: Floats) -> Floats:
    unit: Floats = cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)
    return unit


def _share(found: Ints, wanted: Ints | int) -> float:
    return float((found == wanted).mean())
