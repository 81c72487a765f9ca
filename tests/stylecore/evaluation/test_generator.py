"""Progress, nearest style, told apart, found again: 0 and 1 where they must be."""

import numpy as np
import pytest

from stylecore.evaluation.generator import distinct_share, retrieved, style_match

STYLES, COUNT, LENGTH = ("a", "b", "c"), 40, 32


@pytest.fixture
def world():
    """Photos around 0, each style's pictures around its own axis."""
    random = np.random.default_rng(0)

    def around(axis, count=COUNT):
        noise = random.normal(0, 0.1, (count, LENGTH))
        return (noise + (np.eye(LENGTH)[axis] if axis is not None else 0)).astype(np.float32)

    return around


def test_a_copy_makes_no_progress_and_a_real_picture_all_of_it(world):
    references = {name: world(axis) for axis, name in enumerate(STYLES)}
    photos = world(None)
    assert style_match(photos, photos, references, "b").progress == 0
    assert style_match(world(1), photos, references, "b").progress == pytest.approx(1, abs=0.03)
    half = style_match((world(1) + photos) / 2, photos, references, "b").progress
    assert 0.2 < half < 0.9


def test_going_to_another_style_is_progress_below_0(world):
    references = {name: world(axis) for axis, name in enumerate(STYLES)}
    match = style_match(world(2), world(None), references, "b")
    assert match.progress < 0
    assert match.accuracy == 0


def test_real_pictures_are_nearest_to_their_own_style_however_few_there_are(world):
    references = {"a": world(0, 4), "b": world(1, 80), "c": world(2, 10)}
    for axis, name in enumerate(STYLES):
        match = style_match(world(axis), world(None), references, name)
        assert match.accuracy == 1
        assert match.reference_accuracy == 1


def test_styles_that_are_drawn_alike_are_told_apart_by_chance_only(world):
    photos = world(None)
    assert distinct_share(dict.fromkeys(STYLES, photos)) == pytest.approx(
        dict.fromkeys(STYLES, 1 / 3)
    )
    assert distinct_share({name: world(axis) for axis, name in enumerate(STYLES)}) == dict.fromkeys(
        STYLES, 1.0
    )


def test_a_copy_is_found_again_and_one_picture_for_all_is_not():
    photos = np.random.default_rng(1).normal(size=(10, LENGTH)).astype(np.float32)
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    assert retrieved(photos, photos).tolist() == [1.0] * 10
    same = np.repeat(photos[:1], 10, axis=0)
    assert retrieved(same, photos).sum() == pytest.approx(1)
    assert retrieved(photos, same).mean() == pytest.approx(0.1)
