"""The exported graphs against the readable NumPy composition, at any size and on any rectangle."""

import numpy as np
import pytest
from composition_oracle import composed, enlarged
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylecore.imaging.photo import to_floats
from stylecore.rendering import composition
from stylecore.rendering.composition import Composition, ProductLayers
from stylecore.rendering.manifest import PostprocessParams

COMPOSITION = Composition("cpu")


def pictures(height, width, scale, seed):
    """A smooth photo with some noise at two sizes, and a render of the small one."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 5, 3)).astype(np.uint8)
    large = Image.fromarray(coarse).resize((round(width * scale), round(height * scale)))
    noisy = np.asarray(large, np.int16) + random.integers(-12, 13, (large.height, large.width, 1))
    large = np.asarray(noisy.clip(0, 255), np.uint8)
    small = to_floats(np.asarray(Image.fromarray(large).resize((width, height))))
    render = (0.8 * small[..., ::-1] + 0.2 * random.random(small.shape)).astype(np.float32)
    return large, small, render


@given(
    height=st.integers(3, 70),
    width=st.integers(3, 70),
    scale=st.sampled_from([1.0, 1.7, 2.5, 4.0]),
    seed=st.integers(0, 99),
    sharpness=st.floats(-1, 1),
    shares=st.tuples(*[st.floats(0, 1)] * 4),
    colour=st.floats(0, 2),
)
def test_the_graphs_are_within_one_of_255_of_the_oracle(
    height, width, scale, seed, sharpness, shares, colour
):
    large, small, render = pictures(height, width, scale, seed)
    photo_share, detail, ground_share, strength = shares
    params = PostprocessParams(
        sharpness=sharpness, photo=photo_share, detail=detail, colour=colour, tint=(0.9, 0.8, 0.6)
    )
    mask = np.random.default_rng(seed).integers(0, 256, large.shape[:2]).astype(np.uint8)
    ground = np.array([ground_share, 0.3, 0.2, 0.1], np.float32)
    planes = COMPOSITION.small_planes(render, small, params)
    found = COMPOSITION.mixed(planes, large, mask, ground, (strength, strength), None)
    wanted = composed(render, small, params, large, to_floats(mask), ground, strength)
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_a_product_has_its_contour_and_its_own_strength():
    large, small, render = pictures(40, 50, 3.0, 7)
    random = np.random.default_rng(1)
    planes = COMPOSITION.small_planes(render, small, PostprocessParams())
    mask = np.full(large.shape[:2], 255, np.uint8)
    alpha = random.integers(0, 256, large.shape[:2]).astype(np.uint8)
    contour = np.linspace(0, 1, 40 * 50, dtype=np.float32).reshape(40, 50)
    tone = np.array([10, 200, 90], np.float32)
    layers = ProductLayers(contour, tone, large[::-1].copy(), alpha)
    ground = np.zeros(4, np.float32)
    drawn = COMPOSITION.mixed(planes, large, mask, ground, (1.0, 1.0), None) / 255
    found = COMPOSITION.mixed(planes, large, mask, ground, (0.6, 0.25), layers)
    line = enlarged(contour, large.shape).clip(0, 1)[..., None]
    photo, own = to_floats(large), to_floats(layers.colors)
    whole = drawn + line * (tone / 255 - drawn)
    picture = photo + 0.6 * (whole - photo)
    shown = own + 0.25 * (drawn - own)
    wanted = 255 * (picture + to_floats(alpha)[..., None] * (shown - picture))
    # Where the drawn planes leave 0-255, the graph clips only the finished picture.
    inside = ((drawn > 0) & (drawn < 1)).all(axis=2)
    assert np.abs(found - wanted)[inside].max() <= 1.01
    assert inside.mean() > 0.5


def test_strength_0_gives_the_photo_to_the_bit():
    large, small, render = pictures(33, 64, 4.0, 3)
    planes = COMPOSITION.small_planes(render, small, PostprocessParams(detail=0.3))
    mask = np.full(large.shape[:2], 130, np.uint8)
    ground = np.array([0.2, 0.4, 0.5, 0.6], np.float32)
    found = COMPOSITION.mixed(planes, large, mask, ground, (0.0, 0.0), None)
    np.testing.assert_array_equal(found, large)


def test_rectangles_leave_no_seam(monkeypatch):
    large, small, render = pictures(70, 60, 5.0, 5)
    planes = COMPOSITION.small_planes(render, small, PostprocessParams())
    mask = np.full(large.shape[:2], 255, np.uint8)
    given = (planes, large, mask, np.zeros(4, np.float32), (1.0, 1.0), None)
    parts = COMPOSITION.mixed(*given)
    monkeypatch.setattr(COMPOSITION, "_rectangle", None)
    assert np.abs(parts.astype(int) - COMPOSITION.mixed(*given)).max() <= 1


@pytest.mark.training
def test_the_files_that_ship_are_the_torch_modules_of_today(tmp_path):
    from stylecore.gan.composition import modules
    from stylecore.gan.onnx_file import largest_difference

    for file, module, examples in modules():
        difference = largest_difference(module, composition.COMPOSITION / file, examples)
        assert difference <= (1e-3 if file == composition.SMALL else 1)
