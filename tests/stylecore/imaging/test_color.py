"""Colour maps: there and back, to another palette's mean and covariance, light above dark."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.imaging.color import (
    Gaussian,
    from_oklab,
    gaussian_of,
    in_gamut,
    matched,
    to_oklab,
    transport,
)

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def colours(seed, spread=0.06):
    """600 OKLab colours of a random Gaussian."""
    random = np.random.default_rng(seed)
    mixing = np.tril(random.uniform(-spread, spread, (3, 3)), -1) + np.diag([0.1, 0.05, 0.05])
    return (random.normal(size=(600, 3)) @ mixing.T + (0.6, 0.02, 0.01)).astype(np.float32)


def gaussian(lightness, chroma, slope=0.0):
    """A Gaussian with these deviations, chroma leaning on lightness by `slope`."""
    mixing = np.array(
        [[lightness, 0, 0], [slope * lightness, chroma, 0], [0, 0.3 * chroma, chroma]]
    )
    return Gaussian(
        np.array([0.5, 0.05, -0.03], np.float32), (mixing @ mixing.T).astype(np.float32)
    )


@few
@given(seeds)
def test_a_picture_comes_back_from_oklab(seed):
    picture = np.random.default_rng(seed).random((20, 3)).astype(np.float32)
    np.testing.assert_allclose(from_oklab(to_oklab(picture)), picture, atol=2e-3)


@few
@given(seeds, seeds)
def test_transport_meets_mean_and_covariance(one, other):
    lab, target = colours(one), gaussian_of(colours(other))
    moved = gaussian_of(transport(lab, gaussian_of(lab), target, 1.0))
    np.testing.assert_allclose(moved.mean, target.mean, atol=1e-3)
    np.testing.assert_allclose(moved.covariance, target.covariance, atol=1e-3)


@pytest.mark.parametrize("slope", [-0.2, 0.0, 0.3])
def test_matching_within_its_bounds_meets_them_too(slope):
    lab = colours(3, 0.01)
    moved = gaussian_of(matched(lab, gaussian_of(lab), gaussian(0.12, 0.06, slope)))
    np.testing.assert_allclose(moved.mean, (0.5, 0.05, -0.03), atol=1e-3)
    np.testing.assert_allclose(moved.covariance, gaussian(0.12, 0.06, slope).covariance, atol=2e-4)


@few
@given(seeds, seeds)
def test_matching_keeps_the_order_of_lightness(one, other):
    lab = colours(one)
    moved = matched(lab, gaussian_of(lab), gaussian_of(colours(other, 0.2)))
    assert (np.diff(moved[np.argsort(lab[:, 0]), 0]) >= 0).all()


def test_matching_does_not_turn_the_noise_of_grey_into_colours():
    grey = np.array([0.5, 0, 0], np.float32) + colours(1) * np.float32(0.02)
    wild = gaussian(0.02, 0.2)
    moved = matched(grey, gaussian_of(grey), wild)
    assert np.std(moved[:, 1:], axis=0).max() < 3 * np.std(grey[:, 1:], axis=0).max()


@few
@given(seeds)
def test_what_no_screen_shows_loses_chroma_and_keeps_hue_and_lightness(seed):
    lab = colours(seed, 0.3)
    lab[:, 0] = lab[:, 0].clip(0.2, 0.9)
    shown = in_gamut(lab)
    np.testing.assert_allclose(shown[:, 0], lab[:, 0])
    cross = shown[:, 1] * lab[:, 2] - shown[:, 2] * lab[:, 1]
    np.testing.assert_allclose(cross, 0, atol=1e-5)
    assert (np.hypot(*shown[:, 1:].T) <= np.hypot(*lab[:, 1:].T) + 1e-6).all()
    np.testing.assert_allclose(to_oklab(from_oklab(shown)), shown, atol=0.02)
