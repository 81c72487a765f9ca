"""The product mask: finds products on plain ground, leaves real backgrounds alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stylecore.imaging.foreground import has_plain_ground, matte_of, product_mask
from stylecore.rendering.grid import noise_field

Picture = NDArray[np.float32]
SIDE = 128


def _disc(radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    return np.asarray(np.hypot(y, x) < radius)


def _placed(ground: Picture, colour: tuple[float, float, float], radius: float) -> Picture:
    return np.where(_disc(radius)[..., None], np.array(colour, np.float32), ground)


def _overlap(mask: Picture, truth: NDArray[np.bool_]) -> float:
    found = mask > 0.5
    return float((found & truth).sum() / (found | truth).sum())


WHITE = np.ones((SIDE, SIDE, 3), np.float32)
SHADES = st.floats(0.0, 0.8)


@settings(max_examples=25, deadline=None)
@given(colour=st.tuples(SHADES, SHADES, SHADES), radius=st.floats(20, 50))
def test_a_product_on_white_is_found(colour: tuple[float, float, float], radius: float) -> None:
    mask = product_mask(_placed(WHITE, colour, radius))
    assert has_plain_ground(mask)
    assert _overlap(mask, _disc(radius)) > 0.9


def test_ground_is_exactly_zero_and_product_exactly_one_with_a_soft_edge_between() -> None:
    mask = product_mask(_placed(WHITE, (0.7, 0.2, 0.1), 40))
    assert np.all(mask[~_disc(44)] == 0)
    assert np.all(mask[_disc(36)] == 1)
    assert np.any((mask > 0.2) & (mask < 0.8))


def test_a_grey_sweep_with_gradient_and_grain_is_plain() -> None:
    sweep = np.linspace(0.92, 0.72, SIDE, dtype=np.float32)[:, None, None]
    ground = sweep + 0.006 * noise_field(1, SIDE, SIDE)
    assert _overlap(product_mask(_placed(ground, (0.1, 0.2, 0.4), 40)), _disc(40)) > 0.9


def test_a_pale_product_is_told_from_pure_white() -> None:
    mask = product_mask(_placed(WHITE, (0.93, 0.93, 0.93), 40))
    assert _overlap(mask, _disc(40)) > 0.9


def test_a_product_cut_by_the_frame_is_found() -> None:
    photo = WHITE.copy()
    photo[40:, 50:80] = (0.2, 0.3, 0.2)
    truth = np.zeros((SIDE, SIDE), bool)
    truth[40:, 50:80] = True
    assert _overlap(product_mask(photo), truth) > 0.85


@pytest.mark.parametrize(
    "ground",
    [
        0.5 + 0.2 * noise_field(2, SIDE, SIDE),
        np.broadcast_to(np.array((0.8, 0.1, 0.1), np.float32), (SIDE, SIDE, 3)),
        np.zeros((SIDE, SIDE, 3), np.float32),
        WHITE,
    ],
    ids=["texture", "red backdrop", "black", "nothing but white"],
)
def test_what_is_not_a_product_on_plain_ground_is_product_throughout(ground: Picture) -> None:
    photo = np.clip(ground, 0, 1)
    mask = product_mask(photo)
    np.testing.assert_array_equal(mask, np.ones((SIDE, SIDE), np.float32))
    assert not has_plain_ground(mask)


@pytest.mark.parametrize("size", [3, 4, 8, 12])
@pytest.mark.parametrize("colour", [(0.1, 0.1, 0.1), (0.45, 0.45, 0.5), (0.8, 0.3, 0.2)])
def test_print_and_small_parts_beside_the_product_are_product(
    colour: tuple[float, float, float], size: int
) -> None:
    photo = _placed(WHITE, (0.2, 0.3, 0.6), 30)
    photo[8 : 8 + size, 100 : 100 + size] = colour
    mask = product_mask(photo)
    assert mask[8 + size // 2, 100 + size // 2] > 0.9
    assert mask[20, 20] == 0


def test_dust_and_pale_stains_are_ground() -> None:
    photo = _placed(WHITE, (0.2, 0.3, 0.6), 30)
    photo[10, 10] = 0
    photo[100:104, 10:14] = 0.95
    mask = product_mask(photo)
    assert mask[10, 10] == 0
    assert mask[102, 12] == 0


def test_alpha_is_the_matte_of_a_cut_out_product() -> None:
    ring = _disc(40) & ~_disc(20)
    alpha = np.where(ring, np.float32(1), np.float32(0))
    alpha[:, SIDE // 2] *= np.float32(0.4)
    white_on_white = matte_of(WHITE, alpha)
    np.testing.assert_array_equal(white_on_white, alpha)


def test_an_alpha_of_round_corners_leaves_the_rest_to_the_photo() -> None:
    photo = _placed(WHITE, (0.2, 0.3, 0.6), 30)
    alpha = np.ones((SIDE, SIDE), np.float32)
    alpha[:10, :10] = 0
    mask = matte_of(photo, alpha)
    assert _overlap(mask, _disc(30)) > 0.9
    red = np.broadcast_to(np.array((0.8, 0.1, 0.1), np.float32), (SIDE, SIDE, 3))
    np.testing.assert_array_equal(matte_of(red, alpha), alpha)


def test_an_alpha_that_is_nowhere_opaque_is_no_matte() -> None:
    photo = _placed(WHITE, (0.2, 0.3, 0.6), 30)
    faint = np.full((SIDE, SIDE), 0.3, np.float32)
    np.testing.assert_array_equal(matte_of(photo, faint), product_mask(photo))
    np.testing.assert_array_equal(matte_of(photo, None), product_mask(photo))
