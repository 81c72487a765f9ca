"""What refining a matte promises, on composites whose alpha is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from stylecore.imaging.matte import (
    confidence_of,
    foreground_colors,
    refined,
    resized,
    settled,
    without_strays,
)

SIDE, SMALL = 320, 96
RED, GREEN = np.array([0.8, 0.15, 0.1], np.float32), np.array([0.1, 0.5, 0.3], np.float32)


def disc(side, radius=0.3):
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    soft = (radius - np.hypot(x, y)) * side + 0.5
    return np.clip(soft, 0, 1).astype(np.float32)


def photo_of(alpha, product, ground):
    floats = ground + alpha[..., None] * (product - ground)
    return np.rint(floats * 255).astype(np.uint8)


def small_matte(alpha):
    return ndimage.gaussian_filter(resized(alpha[..., None], (SMALL, SMALL))[..., 0], 0.8)


def test_the_edge_of_a_large_photo_is_found_again_from_a_small_matte():
    alpha = disc(SIDE)
    photo = photo_of(alpha, RED, GREEN)
    found = refined(small_matte(alpha), photo)
    enlarged = resized(small_matte(alpha)[..., None], photo.shape)[..., 0]
    band = ndimage.binary_dilation((alpha > 0.01) & (alpha < 0.99), iterations=4)
    assert np.abs(found - alpha)[band].mean() < 0.5 * np.abs(enlarged - alpha)[band].mean()


def test_a_strap_of_two_pixels_is_not_lost():
    alpha = disc(SIDE, 0.2)
    alpha[:, SIDE // 2 : SIDE // 2 + 2] = 1
    found = refined(small_matte(alpha), photo_of(alpha, RED, GREEN))
    assert found[10:60, SIDE // 2].mean() > found[10:60, SIDE // 2 - 12].mean() + 0.3


@settings(max_examples=10)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 9))
def test_any_size_and_any_matte_give_alpha_of_the_photos_size(height, width, seed):
    random = np.random.default_rng(seed)
    photo = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    matte = random.random((32, 64)).astype(np.float32)
    alpha = refined(matte, photo)
    assert alpha.shape == (height, width)
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert foreground_colors(photo, alpha).shape == photo.shape


def test_a_tile_is_the_same_part_of_the_whole():
    small = np.random.default_rng(1).random((40, 30, 2)).astype(np.float32)
    whole = resized(small, (200, 150))
    tile = slice(40, 130), slice(25, 150)
    np.testing.assert_allclose(resized(small, (200, 150), tile), whole[tile], atol=1e-5)


@pytest.mark.parametrize("ground", [np.zeros(3), np.ones(3), np.array([1.0, 0, 1])])
def test_no_halo_of_the_old_ground_is_left_on_a_new_one(ground):
    alpha = ndimage.gaussian_filter(disc(SIDE), 2)
    photo = photo_of(alpha, RED, GREEN)
    product = foreground_colors(photo, alpha).astype(np.float32) / 255
    edge = (alpha > 0.1) & (alpha < 0.9)
    composed = ground + alpha[..., None] * (product - ground)
    exact = ground + alpha[..., None] * (RED - ground)
    pasted = ground + alpha[..., None] * (photo / 255 - ground)
    error = np.abs(composed - exact)[edge].mean()
    assert error < 0.25 * np.abs(pasted - exact)[edge].mean()


def test_a_decided_matte_is_sure_and_a_cloudy_one_is_not():
    sure = disc(SMALL)
    cloudy = np.maximum(sure * 0.7, 0.4)
    assert confidence_of(sure) > 0.95
    assert confidence_of(cloudy) < 0.5
    assert confidence_of(np.full((8, 8), 0.4, np.float32)) == 0


def test_a_faint_cloud_goes_and_a_small_part_beside_the_product_stays():
    alpha = disc(SMALL, 0.2)
    alpha[4:8, 4:8] = 1  # a screw
    alpha[80:94, 10:80] = 0.6  # a shadow
    found = settled(alpha)
    assert found[5, 5] == 1
    assert found[48, 48] == 1
    assert found[80:94, 10:80].max() == 0


def test_what_reaches_in_from_the_frame_is_no_product_and_small_parts_apart_are():
    alpha = np.zeros((64, 64), np.float32)
    alpha[20:50, 10:40], alpha[20:50, 40] = 1, 0.5
    alpha[5:9, 50:54] = 1  # a small part
    product = alpha.copy()
    alpha[30:40, 58:], alpha[30:40, 57] = 1, 0.05  # a door and its soft edge
    np.testing.assert_array_equal(without_strays(alpha), product)
    alpha[20:50, 44:64] = 1  # the other of a pair
    kept = without_strays(alpha)
    np.testing.assert_array_equal(kept, alpha)
    np.testing.assert_array_equal(without_strays(np.zeros((9, 9), np.float32)), 0)
