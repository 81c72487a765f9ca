"""The noise field: same bytes for a seed, normal enough, refused where it makes no sense."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecore.rendering.grid import noise_field

SEEDS = st.integers(0, 2**64)
SIDES = st.integers(1, 24)


def test_the_bytes_of_a_seed_never_change() -> None:
    digest = hashlib.sha256(noise_field(7, 5, 6).astype("<f4").tobytes()).hexdigest()
    assert digest == "58dfc52d89930430aef23a377af83d17f76391ed09f93765c51a148c544f4347"


@given(seed=SEEDS, height=SIDES, width=SIDES, more=SIDES)
def test_a_taller_field_continues_the_same_rows(
    seed: int, height: int, width: int, more: int
) -> None:
    field = noise_field(seed, height, width)
    assert field.shape == (height, width, 3)
    assert field.dtype == np.float32
    np.testing.assert_array_equal(noise_field(seed, height + more, width)[:height], field)


@given(seed=SEEDS)
def test_another_seed_is_another_field(seed: int) -> None:
    assert (noise_field(seed, 8, 8) != noise_field(seed + 1, 8, 8)).mean() > 0.9


def test_it_is_standard_normal_and_white() -> None:
    field = noise_field(3, 256, 256).astype(np.float64)
    assert abs(field.mean()) < 0.01
    assert abs(field.std() - 1) < 0.01
    assert abs((field**4).mean() - 3) < 0.15
    assert abs((field[1:] * field[:-1]).mean()) < 0.01
    assert abs((field[..., 0] * field[..., 1]).mean()) < 0.01


@pytest.mark.parametrize(("seed", "height", "width"), [(-1, 4, 4), (0, 0, 4), (0, 4, 0)])
def test_senseless_arguments_are_refused(seed: int, height: int, width: int) -> None:
    with pytest.raises(ValueError, match="noise field"):
        noise_field(seed, height, width)
