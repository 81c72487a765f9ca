"""What backdrops promise: any size, the same picture at each, their seed and their colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stylecore.imaging.color import to_cielab
from stylecore.imaging.photo import to_pixels
from stylecore.rendering.backdrops import BACKDROPS, draw_backdrop
from stylecore.rendering.scene_colours import default_colours

NAMES = list(BACKDROPS)
SEEDS = st.integers(0, 2**32 - 1)


def drawn(name, seed, height, width):
    return draw_backdrop(name, seed, default_colours(name), height, width)


def test_there_are_at_least_sixteen_with_two_names_and_occasions():
    assert len(BACKDROPS) >= 16
    assert len({backdrop.chinese for backdrop in BACKDROPS.values()}) == len(BACKDROPS)
    for backdrop in BACKDROPS.values():
        assert backdrop.occasions
        assert 2 <= len(backdrop.tones) <= 5
        assert 1 <= backdrop.behind <= len(backdrop.tones)


@given(st.sampled_from(NAMES), SEEDS, st.integers(16, 90), st.integers(16, 90), st.data())
@settings(max_examples=60, deadline=None)
def test_any_size_and_any_number_of_colours_give_a_picture(name, seed, height, width, data):
    channel = st.floats(0, 1, width=32)
    colour = st.lists(channel, min_size=3, max_size=3).map(lambda it: np.array(it, np.float32))
    colours = data.draw(st.lists(colour, min_size=2, max_size=5))
    picture = draw_backdrop(name, seed, colours, height, width)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1
    np.testing.assert_array_equal(picture, draw_backdrop(name, seed, colours, height, width))


@pytest.mark.parametrize("aspect", [(80, 80), (144, 81), (81, 144)])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_picture_at_another_size(name, aspect):
    small, large = (drawn(name, 5, scale * aspect[0], scale * aspect[1]) for scale in (1, 3))
    size = (small.shape[1], small.shape[0])
    reduced = np.asarray(Image.fromarray(to_pixels(large)).resize(size, Image.Resampling.BOX))
    apart = np.linalg.norm(to_cielab(reduced) - to_cielab(to_pixels(small)), axis=-1)
    assert apart.mean() < 3


@given(SEEDS, SEEDS)
@settings(max_examples=20, deadline=None)
def test_another_seed_is_another_picture_of_the_same_colours(seed, other):
    for name in ("confetti", "hills", "terrazzo", "rays"):
        one, two = drawn(name, seed, 64, 64), drawn(name, other, 64, 64)
        assert np.array_equal(one, two) == (seed == other)
        assert np.abs(one.mean(axis=(0, 1)) - two.mean(axis=(0, 1))).max() < 0.12


@pytest.mark.parametrize("name", NAMES)
def test_its_colours_are_those_that_were_given(name):
    """Grey colours give a grey picture, and red ones a red one."""
    levels = [np.full(3, level, np.float32) for level in (0.3, 0.5, 0.6, 0.7, 0.8)]
    picture = draw_backdrop(name, 1, levels, 80, 80)
    rim = 0.05 if name == "paper" else 1e-5  # torn edges are of paper
    assert np.ptp(picture, axis=2).max() <= rim
    red = [level * np.array([1, 0.2, 0.2], np.float32) for level in levels]
    picture = draw_backdrop(name, 1, red, 80, 80)
    assert (picture[..., 0] - picture[..., 1]).mean() > 0.15


def test_a_backdrop_that_is_none_is_an_error():
    with pytest.raises(KeyError):
        draw_backdrop("nowhere", 0, default_colours("studio"), 20, 20)
