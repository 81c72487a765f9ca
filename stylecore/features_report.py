"""The figures of a feature network, from what it said of photos and of their renders.

Pure: no picture is read or drawn here. Retrieval asks for each render which photo has the highest
cosine, among the photos that were drawn and, harder, among all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stylecore import classification
from stylecore.arrays import Floats, Ints
from stylecore.features import Features

HEADLINE = (
    *("accuracy", "balanced_accuracy", "calibration_error"),
    *("style_accuracy", "style_calibration_error", "photo_recognised", "retrieval"),
)
"""The fields of FeaturesReport that are one number, 0-1."""


@dataclass(frozen=True)
class Observed:
    """What a network said: of N photos, and of the renders of those at `places`, style by style."""

    categories: tuple[str, ...]
    styles: tuple[str, ...]
    truth: Ints
    """[N] rows of `categories`."""
    photos: Features
    places: Ints
    """[M] rows of `photos`."""
    renders: Mapping[str, Features]
    """Style to M renders."""
    gradients: Mapping[str, Floats]
    """Style to [M, M] likeness of render and photo by oriented gradients; may be empty."""


@dataclass(frozen=True)
class CategoryFigures:
    """One category: how many photos it has, and what was found of it."""

    photos: int
    recall: float
    precision: float


@dataclass(frozen=True)
class StyleFigures:
    """One style's renders: style and category recognised, their source found first."""

    style_accuracy: float
    category_accuracy: float
    retrieval: float
    """Among the photos that were drawn."""
    retrieval_all: float
    """Among all photos."""
    retrieval_gradients: float | None
    """By `oriented_gradients.likeness` instead, among the photos that were drawn."""


@dataclass(frozen=True)
class FeaturesReport:
    """All figures. `confusion`: true category to predicted category to count."""

    photos: int
    drawn: int
    accuracy: float
    balanced_accuracy: float
    calibration_error: float
    style_accuracy: float
    """The mean over the styles and 'photo'."""
    style_calibration_error: float
    photo_recognised: float
    """Share of the photos that were drawn that are taken for photos."""
    retrieval: float
    """The mean over the styles, among the photos that were drawn."""
    categories: dict[str, CategoryFigures]
    confusion: dict[str, dict[str, int]]
    styles: dict[str, StyleFigures]


def features_report(observed: Observed) -> FeaturesReport:
    """The figures of what was observed."""
    predicted = observed.photos.categories.argmax(axis=1)
    confusion = classification.confusion_matrix(observed.truth, predicted, len(observed.categories))
    photo = len(observed.styles) - 1
    recognised = observed.photos.styles[observed.places].argmax(axis=1) == photo
    styles = {style: _style_figures(style, observed) for style in observed.renders}
    accuracies = [recognised.mean(), *(figures.style_accuracy for figures in styles.values())]
    return FeaturesReport(
        photos=len(observed.truth),
        drawn=len(observed.places),
        accuracy=classification.accuracy(confusion),
        balanced_accuracy=classification.balanced_accuracy(confusion),
        calibration_error=classification.calibration_error(
            observed.photos.categories, observed.truth
        ),
        style_accuracy=float(np.mean(accuracies)),
        style_calibration_error=_style_calibration_error(observed),
        photo_recognised=float(recognised.mean()),
        retrieval=float(np.mean([figures.retrieval for figures in styles.values()])),
        categories=_category_figures(confusion, observed.categories),
        confusion=_named(confusion, observed.categories),
        styles=styles,
    )


def headline(report: FeaturesReport) -> dict[str, float]:
    """The figures that a manifest keeps."""
    figures = {name: float(getattr(report, name)) for name in HEADLINE}
    figures |= {f"retrieval.{name}": style.retrieval for name, style in report.styles.items()}
    return {name: round(value, 4) for name, value in figures.items()}


def _style_figures(style: str, observed: Observed) -> StyleFigures:
    found, places = observed.renders[style], observed.places
    everything = found.embedding @ observed.photos.embedding.T
    own = np.arange(len(places))
    by_gradients = observed.gradients.get(style)
    return StyleFigures(
        style_accuracy=_share(found.styles.argmax(axis=1), observed.styles.index(style)),
        category_accuracy=_share(found.categories.argmax(axis=1), observed.truth[places]),
        retrieval=float(classification.found_first(everything[:, places], own).mean()),
        retrieval_all=float(classification.found_first(everything, places).mean()),
        retrieval_gradients=None
        if by_gradients is None
        else float(classification.found_first(by_gradients, own).mean()),
    )


def _style_calibration_error(observed: Observed) -> float:
    parts = [observed.photos.styles[observed.places]]
    parts += [found.styles for found in observed.renders.values()]
    rows = [len(observed.styles) - 1, *map(observed.styles.index, observed.renders)]
    truth = np.repeat(np.array(rows, np.int64), len(observed.places))
    return classification.calibration_error(np.concatenate(parts), truth)


def _category_figures(confusion: Ints, names: tuple[str, ...]) -> dict[str, CategoryFigures]:
    rows = zip(
        names,
        confusion.sum(axis=1),
        classification.recalls(confusion),
        classification.precisions(confusion),
        strict=True,
    )
    return {
        name: CategoryFigures(int(count), float(recall), float(precision))
        for name, count, recall, precision in rows
    }


def _named(confusion: Ints, names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    return {
        name: dict(zip(names, map(int, row), strict=True))
        for name, row in zip(names, confusion, strict=True)
    }


def _share(found: Ints, wanted: Ints | int) -> float:
    return float((found == wanted).mean())
