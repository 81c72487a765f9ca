"""A picture's dominant colours: those it is made of, an accent among them, never more than six."""

import numpy as np
import pytest

from stylecore.imaging.palette import COUNT, dominant_colours

RANDOM = np.random.default_rng(0)


def test_flat_areas_and_an_accent_are_found():
    made = np.array([[0.3, 0.0, -0.1], [0.6, 0.1, 0.05], [0.9, -0.05, 0.1]], np.float32)
    areas = np.repeat(made, (2000, 1800, 200), axis=0)
    noisy = (areas + RANDOM.normal(0, 0.005, areas.shape)).astype(np.float32)
    found = dominant_colours(noisy)
    for colour in made:
        assert np.linalg.norm(found - colour, axis=1).min() < 0.03


@pytest.mark.parametrize("count", [1, 2, 5, 30_000])
def test_any_number_of_pixels_gives_one_to_six_colours_from_dark_to_light(count):
    pixels = RANDOM.random((count, 3)).astype(np.float32)
    found = dominant_colours(pixels)
    assert 1 <= len(found) <= COUNT
    assert (np.diff(found[:, 0]) >= 0).all()
    np.testing.assert_array_equal(found, dominant_colours(pixels))
