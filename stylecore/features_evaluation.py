"""Shows a feature network labelled photos, and a generator's renders of some of them.

All photos are described for their categories; photos at even distances are drawn in every style
that network and generator have in common. Beside the network stands the likeness by oriented
gradients, which needs no training. What it does not know: whether the photos were trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stylecore.arrays import Floats, Ints
from stylecore.engine import Engine
from stylecore.errors import SettingsError
from stylecore.features import FeatureNet, squash
from stylecore.features_report import FeaturesReport, Observed, features_report
from stylecore.imaging.contact_sheet import LabelledPhoto
from stylecore.imaging.photo import LUMA, Pixels, to_floats
from stylecore.oriented_gradients import likeness
from stylecore.sample_renders import SampleRenders, sample_renders

GRADIENTS_SIDE = 128
"""Pixels at which the oriented gradients of all pairs are compared."""

Progress = Callable[[str], None]


def evaluate_features(
    net: FeatureNet,
    engine: Engine,
    photos: Sequence[LabelledPhoto],
    *,
    drawn: int,
    gradients: bool,
    progress: Progress,
) -> FeaturesReport:
    """Describe all photos and `drawn` of them in every common style; `gradients`: their baseline.

    Raises SettingsError for a category that the network does not know, or if no style is common.
    """
    truth = category_rows(photos, net.categories)
    styles = [s.style_id for s in engine.manifest.styles if s.style_id in net.styles]
    if not styles:
        raise SettingsError("generator: the feature network knows none of its styles")
    places = spread(len(photos), drawn)
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


def spread(count: int, wanted: int) -> Ints:
    """At most `wanted` of `count` places, at even distances."""
    places = np.linspace(0, count - 1, min(wanted, count)).round()
    return places.astype(np.int64)


def category_rows(photos: Sequence[LabelledPhoto], categories: Sequence[str]) -> Ints:
    """[N], each photo's row of `categories`. Raises SettingsError for another category."""
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
    """All photos, those at `places` with their renders."""
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
