"""Is it the style: progress towards the references, nearest style, styles told apart, found again.

All by Gram embeddings, against random halves of the references, so that held-out references show
what a real picture of the style would have. Colour counts here: a mere recolouring makes progress.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stylecore.evaluation.sets import (
    Floats,
    Rows,
    share_of_first,
    squared_distances,
    to_set_without_own,
    to_sets,
)

HALVINGS = 10
"""Random halvings of the references; each half is once the model and once the test."""
FEWEST_REFERENCES = 4


@dataclass(frozen=True)
class StyleMatch:
    """progress: 0 the photo, 1 as near as a held-out reference; accuracy: nearest is the own style.

    progress = (copy - render) / (copy - reference), each a ratio: the mean over pictures of the
    distance to the own style's references over the mean of those to the other styles'.
    """

    progress: float
    accuracy: float
    reference_accuracy: float


def style_match(
    renders: Floats, photos: Floats, references: Mapping[str, Floats], style: str
) -> StyleMatch:
    """The match of renders [N, D] to their style; all sets of references compete."""
    own = list(references).index(style)
    real = np.concatenate(list(references.values()))
    among = squared_distances(real, real)
    to_real = [squared_distances(pictures, real) for pictures in (renders, photos)]
    trials = []
    for models, tests in _halves([len(rows) for rows in references.values()]):
        groups = [*to_real, among[tests[own]]]
        trials.append([_judged(to_sets(group, among, models), own) for group in groups])
    (ours, accuracy), (copy, _), (reference, reference_accuracy) = np.mean(trials, axis=0).tolist()
    way = copy - reference
    progress = (copy - ours) / way if abs(way) > 1e-3 else 0.0
    return StyleMatch(progress, accuracy, reference_accuracy)


def told_apart(renders: Mapping[str, Floats]) -> dict[str, float]:
    """Style to the share of its renders that are nearest to its own renders among all styles'.

    Each style's [N, D] are of the same N products in the same order; the product itself is left
    out of every style, and k equally near styles count 1 / k.
    """
    shares = {}
    for place, mine in enumerate(renders.values()):
        distances = np.stack([to_set_without_own(mine, other) for other in renders.values()], 1)
        own = np.full(len(mine), place)
        shares[list(renders)[place]] = float(share_of_first(distances, own).mean())
    return shares


def found_again(renders: Floats, photos: Floats) -> Floats:
    """[N] 1 where the nearest photo, by cosine of unit vectors, is the own one; ties share."""
    return share_of_first(-renders @ photos.T, np.arange(len(photos)))


def _halves(sizes: Sequence[int]) -> list[tuple[list[Rows], list[Rows]]]:
    """(models, tests) of every trial, a list of rows a style each; the same at every call."""
    random = np.random.default_rng(0)
    members = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    trials = []
    for _ in range(HALVINGS):
        halves = [np.array_split(random.permutation(rows), 2) for rows in members]
        firsts, seconds = ([half[side] for half in halves] for side in (0, 1))
        trials += [(firsts, seconds), (seconds, firsts)]
    return trials


def _judged(distances: Floats, own: int) -> tuple[float, float]:
    """Of [N, K]: own over the mean of the others; share with the own smallest."""
    others = np.delete(distances, own, axis=1).mean(axis=1)
    first = share_of_first(distances, np.full(len(distances), own))
    return float((distances[:, own] / others).mean()), float(first.mean())
