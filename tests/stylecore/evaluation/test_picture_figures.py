"""The figures of one picture: structure, fine luminance, ground, traces; colour as scikit-image."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from stylecore.evaluation.image_metrics import (
    border_step,
    checkerboard,
    photo_figures,
    shift_difference,
    ssim,
)
from stylecore.evaluation.inputs import shifted
from stylecore.evaluation.view import View, drift, unevenness
from stylecore.imaging.color import to_cielab
from stylecore.imaging.foreground import stands_on_white

PAPER = (240, 228, 205)


def texture(seed: int, height: int = 128, width: int = 160) -> np.ndarray:
    """[H, W, 3], patches and grain on mid grey."""
    random = np.random.default_rng(seed)
    coarse = ndimage.gaussian_filter(random.normal(size=(height, width, 3)), (6, 6, 0)) * 500
    return (128 + coarse + random.normal(0, 12, coarse.shape)).clip(0, 255).astype(np.uint8)


def packshot(ground: tuple[int, ...] = (255, 255, 255)) -> np.ndarray:
    """A textured product on even ground."""
    pixels = np.full((128, 160, 3), ground, np.uint8)
    pixels[30:100, 40:120] = texture(3)[30:100, 40:120]
    return pixels


def test_colours_are_those_of_scikit_image():
    pixels = texture(1)
    np.testing.assert_allclose(to_cielab(pixels), rgb2lab(pixels), atol=2e-3)


def test_ssim_is_that_of_scikit_image():
    one, other = View(texture(1)).luma, View(texture(2)).luma
    expected = structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    assert ssim(one, other) == pytest.approx(expected, abs=1e-4)


def test_a_copy_keeps_everything():
    photo = View(packshot())
    figures = photo_figures(photo, photo)
    assert figures["ssim"] == pytest.approx(1, abs=1e-6)
    assert figures["fine"] == pytest.approx(1, abs=1e-6)
    assert figures["fine_energy"] == pytest.approx(1, abs=1e-6)
    assert figures["checkerboard"] == figures["border"] == 0


def test_a_negative_turns_the_fine_luminance_round_and_keeps_its_energy():
    photo = View(packshot())
    figures = photo_figures(photo, View(255 - packshot()))
    assert figures["fine"] == pytest.approx(-1, abs=1e-3)
    assert figures["fine_energy"] == pytest.approx(1, abs=1e-3)


def test_blurring_loses_structure_and_fine_luminance():
    blurred = ndimage.gaussian_filter(packshot().astype(float), (2, 2, 0)).astype(np.uint8)
    figures = photo_figures(View(packshot()), View(blurred))
    assert figures["ssim"] < 0.9
    assert figures["fine"] < 0.7


def test_ground_is_asked_of_white_photos_only():
    assert stands_on_white(packshot())
    assert not stands_on_white(packshot(PAPER))
    assert not stands_on_white(texture(1))


def test_white_and_the_styles_paper_are_clean_and_another_colour_is_not():
    assert drift(View(packshot()), None) == pytest.approx(0, abs=1e-3)
    assert drift(View(packshot(PAPER)), PAPER) == pytest.approx(0, abs=1e-3)
    assert drift(View(packshot(PAPER)), None) > 8
    assert unevenness(View(packshot(PAPER))) == pytest.approx(0, abs=0.01)
    assert unevenness(View(texture(1))) > 5


def test_repeated_pixels_are_a_checkerboard_and_grain_is_none():
    grain = View(texture(5)).luma
    assert checkerboard(grain) < 6
    grid = np.indices(grain.shape).sum(axis=0) % 2
    assert checkerboard(grain + 0.05 * grid.astype(np.float32)) > 12


def test_a_frame_is_a_step_at_the_border():
    framed = texture(6)
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert border_step(to_cielab(framed)) > border_step(to_cielab(texture(6))) + 10


def test_what_moves_with_the_photo_is_steady_and_what_stays_is_not():
    pixels = texture(7)
    assert shift_difference(pixels, shifted(pixels, 3), 3) == 0
    assert shift_difference(pixels, pixels, 3) > 5
