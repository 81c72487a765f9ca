"""What the figures of a classifier promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stylecore.evaluation.features import (
    accuracy,
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    precisions,
    recalls,
)
from stylecore.evaluation.image_metrics import share_of_first

LABELS = arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 3))


@given(LABELS, st.randoms(use_true_random=False))
def test_the_confusion_counts_every_picture_once(truth, random) -> None:
    predicted = np.array([random.randrange(4) for _ in truth])
    confusion = confusion_matrix(truth, predicted, 4)
    assert confusion.sum() == len(truth)
    assert accuracy(confusion) == pytest.approx((truth == predicted).mean())
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(truth, minlength=4))


def test_recall_precision_and_balance_of_a_small_case() -> None:
    confusion = confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3)
    np.testing.assert_allclose(recalls(confusion), [2 / 3, 1, np.nan])
    np.testing.assert_allclose(precisions(confusion), [1, 1 / 2, np.nan])
    assert balanced_accuracy(confusion) == pytest.approx(5 / 6)
    assert np.isnan(accuracy(np.zeros((3, 3), np.int64)))


def test_sure_and_right_is_calibrated_sure_and_wrong_is_not() -> None:
    sure = np.eye(3, dtype=np.float32)
    assert calibration_error(sure, np.array([0, 1, 2])) == 0
    assert calibration_error(sure, np.array([1, 2, 0])) == 1


def test_the_calibration_error_is_the_gap_between_confidence_and_share() -> None:
    probabilities = np.tile(np.array([[0.8, 0.2]], np.float32), (10, 1))
    truth = np.array([0] * 6 + [1] * 4)
    assert calibration_error(probabilities, truth) == pytest.approx(0.2, abs=1e-6)


def test_what_says_its_true_chances_is_calibrated_within_chance() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(4), 20_000).astype(np.float32)
    truth = (random.random((20_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    assert calibration_error(probabilities, truth) < 0.02


def test_a_source_is_found_when_nothing_is_nearer_and_ties_count_in_part() -> None:
    likeness = np.array([[0.9, 0.1, 0.2], [0.9, 0.8, 0.1], [0.5, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(share_of_first(-likeness, np.array([0, 1, 2])), [1, 0, 1 / 3])
