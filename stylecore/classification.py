"""How good a classifier is: confusion, accuracy, calibration; and how well a source is found again.

Pure functions of arrays. Which pictures they came from is not known here.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats, Ints

BINS = 15


def confusion_matrix(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """[classes, classes] counts, a row a true class, a column a predicted one."""
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def accuracy(confusion: Ints) -> float:
    """Share of the diagonal; NaN of nothing."""
    return float(np.trace(confusion) / confusion.sum()) if confusion.sum() else float("nan")


def recalls(confusion: Ints) -> Floats:
    """[classes]: of each true class the share that was found; NaN where there is none."""
    return _shares(confusion, confusion.sum(axis=1))


def precisions(confusion: Ints) -> Floats:
    """[classes]: of what was taken for each class the share that is; NaN where none was."""
    return _shares(confusion, confusion.sum(axis=0))


def balanced_accuracy(confusion: Ints) -> float:
    """The mean recall of the classes that occur."""
    return float(np.nanmean(recalls(confusion)))


def calibration_error(probabilities: Floats, truth: Ints, bins: int = BINS) -> float:
    """Expected calibration error, 0-1: by how much a confidence misses the share that is right.

    Guo et al., "On calibration of modern neural networks", ICML 2017: bins of equal width of the
    highest probability; sum of |accuracy - mean confidence| weighed by the bins' shares.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    places = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    surplus = np.bincount(places, right - confidence, minlength=bins)
    return float(np.abs(surplus).sum() / len(truth))


def found_first(similarity: Floats, truth: Ints) -> Floats:
    """[Q]: whether each row's largest entry of [Q, N] is at `truth`; among k equal ones, 1 / k."""
    own = similarity[np.arange(len(truth)), truth][:, None]
    ties = (similarity == own).sum(axis=1)
    beaten = (similarity > own).any(axis=1)
    return np.where(beaten, 0, 1 / ties).astype(np.float32)


def _shares(confusion: Ints, totals: Ints) -> Floats:
    with np.errstate(invalid="ignore"):
        return (np.diag(confusion) / totals).astype(np.float32)
