"""ArtFID and what it is made of: distances that are 0 for the same and grow with difference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.evaluation.image_metrics import artfid, content_distance, frechet_distance


def vectors(seed: int, rows: int, columns: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


@given(st.integers(0, 10**6), st.integers(2, 30))
@settings(deadline=None, max_examples=25)
def test_a_set_is_at_0_from_itself_in_any_order(seed, rows):
    one = vectors(seed, rows)
    assert frechet_distance(one, one[::-1]) == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(2, 30))
@settings(deadline=None, max_examples=25)
def test_two_sets_are_equally_far_both_ways(seed, rows, others):
    one, other = vectors(seed, rows), vectors(seed + 1, others) + 1
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))


def test_sets_that_differ_by_a_move_are_its_square_apart():
    one = vectors(1, 20)
    moved = one + np.eye(12, dtype=np.float32)[3] * 2
    assert frechet_distance(one, moved) == pytest.approx(4, rel=1e-4)


def test_gaussians_have_the_distance_of_the_closed_form():
    wide = vectors(2, 4000, 3) * np.array([1, 2, 3], np.float32)
    narrow = vectors(3, 4000, 3)
    assert frechet_distance(wide, narrow) == pytest.approx(0 + 1 + 4, rel=0.1)


def test_content_is_0_for_a_copy_whatever_its_contrast_and_more_for_another():
    random = np.random.default_rng(4)
    layers = {"a": random.random((8, 5, 6)), "b": random.random((4, 3, 3))}
    other = {"a": random.random((8, 5, 6)), "b": random.random((4, 3, 3))}
    louder = {name: 3 * layer for name, layer in layers.items()}
    assert content_distance(layers, louder) == pytest.approx(0, abs=1e-9)
    assert content_distance(layers, other) > 0.05


def test_artfid_is_1_at_best_and_the_product_of_both_faults():
    assert artfid(0, 0) == 1
    assert artfid(0.5, 2) == 4.5
