"""What the matte's figures promise, on masks whose figures are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.evaluation.matte import boundary_f, figures_of


def square(first, last, side=40):
    mask = np.zeros((side, side), np.float32)
    mask[first:last, first:last] = 1
    return mask


def test_a_matte_agrees_with_itself():
    assert figures_of(square(10, 30), square(10, 30)) == (1, 0, 1, 0)


def test_half_of_a_product_has_half_the_overlap_and_difference_where_it_lacks():
    half = square(10, 30)
    half[:, 20:] = 0
    overlap, difference, boundary, edge = figures_of(half, square(10, 30))
    assert overlap == pytest.approx(0.5)
    assert difference == pytest.approx(200 / 1600)
    assert 0.3 < boundary < 0.9
    assert edge > 0.1


def test_an_outline_within_two_pixels_is_found_and_one_beside_is_not():
    assert boundary_f(square(10, 30) > 0.5, square(12, 32) > 0.5) > 0.9
    assert boundary_f(square(2, 12) > 0.5, square(25, 35) > 0.5) == 0
    assert boundary_f(square(0, 0) > 0.5, square(0, 0) > 0.5) == 1


@settings(max_examples=20)
@given(st.integers(0, 99))
def test_figures_are_shares(seed):
    random = np.random.default_rng(seed)
    mine, theirs = (random.random((20, 24)).astype(np.float32) for _ in range(2))
    assert all(0 <= value <= 1 for value in figures_of(mine, theirs))
    assert figures_of(mine, theirs)[:3] == pytest.approx(figures_of(theirs, mine)[:3])
