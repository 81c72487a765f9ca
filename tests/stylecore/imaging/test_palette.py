"""A palette: what it means in words, and that a picture moves to it without losing its light."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.errors import SettingsError
from stylecore.imaging.color import from_oklab, to_oklab
from stylecore.imaging.palette import palette_lab, parse_palette, repainted, with_colour_of

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
palettes = st.lists(colours, min_size=1, max_size=5)
few = settings(max_examples=30, deadline=None)


def test_a_palette_in_words():
    assert parse_palette("#0A3d62, #ffffff") == ["#0A3d62", "#ffffff"]
    for wrong, told in [
        ("red", "'red' is no colour"),
        ("", "'' is no colour"),
        ("#12345", "no colour"),
        (",".join(["#112233"] * 6), "6 colours are too many"),
    ]:
        with pytest.raises(SettingsError, match=told):
            parse_palette(wrong)


def test_colours_are_sorted_from_dark_to_light():
    np.testing.assert_allclose(
        palette_lab(["#ffffff", "#000000"]), [[0, 0, 0], [1, 0, 0]], atol=1e-3
    )


@few
@given(palettes)
def test_a_grey_ramp_still_rises_and_spans_black_to_white(chosen):
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    lab = np.stack([ramp, 0 * ramp, 0 * ramp], axis=-1)
    moved = repainted(lab, np.ones_like(ramp), palette_lab(chosen))[:, 0]
    assert (np.diff(moved) > 0).all()
    assert moved[0] < 0.01
    assert moved[-1] > 0.99


@few
@given(palettes, st.integers(0, 2**32 - 1))
def test_every_hue_is_the_palettes_own_or_between_them(chosen, seed):
    palette = palette_lab(chosen)
    lab = to_oklab(np.random.default_rng(seed).random((50, 3)).astype(np.float32))
    chroma = repainted(lab, np.ones(50, np.float32), palette)[:, 1:]
    assert np.hypot(*chroma.T).max() <= np.hypot(*palette[:, 1:].T).max() + 1e-4
    if len(chosen) == 1:
        cross = chroma @ np.array([palette[0, 2], -palette[0, 1]])
        np.testing.assert_allclose(cross, 0, atol=1e-5)


def test_a_picture_of_like_colours_comes_near_the_palette():
    random = np.random.default_rng(0)
    palette = palette_lab(["#b03a2e", "#1f618d", "#f7dc6f"])
    lab = palette[random.integers(3, size=400)] + random.normal(0, 0.05, (400, 3))
    moved = repainted(lab.astype(np.float32), np.ones(400, np.float32), palette)

    def distance(picture):
        return np.linalg.norm(picture[:, None] - palette, axis=2).min(axis=1).mean()

    assert distance(moved) < 0.6 * distance(lab)


@few
@given(st.integers(0, 2**32 - 1))
def test_a_kept_colour_has_the_photos_hue_under_the_renders_light(seed):
    render, photo = to_oklab(np.random.default_rng(seed).random((2, 40, 3)).astype(np.float32))
    kept = to_oklab(from_oklab(with_colour_of(render, photo)))
    # In light, the cube of L: near black a step of L is less than a screen shows.
    np.testing.assert_allclose(kept[:, 0] ** 3, render[:, 0] ** 3, atol=0.002)
    cross = kept[:, 1] * photo[:, 2] - kept[:, 2] * photo[:, 1]
    assert np.abs(cross).max() < 0.005
