"""Grid and noise follow what is photographed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecore.imaging.photo import decode, to_floats
from stylecore.rendering.grid import (
    aligned_noise,
    frame_of,
    framed,
    framed_side,
    grid_alignment,
    noise_field,
    unframed,
)
from workers.demo.inputs import sample_products

MULTIPLE = 8


@pytest.fixture(scope="module")
def photos():
    return [
        to_floats(
            decode(Path(product.image_uri).read_bytes(), short_side=160, max_pixels=10**7).pixels
        )
        for product in sample_products()[:8]
    ]


def moved(photo, rows, columns):
    padded = np.pad(photo, ((rows, 0), (columns, 0), (0, 0)), mode="edge")
    return padded[: photo.shape[0], : photo.shape[1]]


@given(rows=st.integers(0, 12), columns=st.integers(0, 12))
def test_the_alignment_point_moves_with_the_photo(photos, rows, columns):
    kept = 0
    for photo in photos:
        before, after = grid_alignment(photo), grid_alignment(moved(photo, rows, columns))
        kept += after == (before.row + rows, before.column + columns)
    assert kept >= len(photos) - 1


def test_an_empty_picture_hangs_on_its_middle():
    assert grid_alignment(np.ones((40, 60, 3), np.float32)) == (20, 30)
    assert grid_alignment(np.ones((1, 3, 3), np.float32)) == (0, 1)


@given(height=st.integers(16, 90), width=st.integers(16, 90), seed=st.integers(0, 99))
def test_a_frame_brings_the_alignment_point_to_the_grid_and_is_removed_again(height, width, seed):
    photo = np.random.default_rng(seed).random((height, width, 3), np.float32)
    alignment = grid_alignment(photo)
    frame = frame_of(alignment, MULTIPLE)
    picture = framed(photo, frame, MULTIPLE)
    assert picture.shape[:2] == (framed_side(height, MULTIPLE), framed_side(width, MULTIPLE))
    assert (
        (alignment.row + frame.above) % MULTIPLE == (alignment.column + frame.left) % MULTIPLE == 0
    )
    np.testing.assert_array_equal(unframed(picture, frame, height, width), photo)


def test_the_noise_begins_at_the_alignment_point(photos):
    photo = photos[0]
    alignment = grid_alignment(photo)
    frame = frame_of(alignment, MULTIPLE)
    height, width = framed(photo, frame, MULTIPLE).shape[:2]
    noise = noise_field(3, height, width)
    rolled = unframed(aligned_noise(noise, alignment, frame), frame, *photo.shape[:2])
    np.testing.assert_array_equal(rolled[alignment.row, alignment.column], noise[0, 0])
