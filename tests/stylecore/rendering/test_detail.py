"""What of a photo is finer than the network's working size comes back in its render."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from stylecore.imaging.photo import LUMA, to_floats
from stylecore.rendering.composition import Composition
from stylecore.rendering.manifest import PostprocessParams
from stylecore.rendering.postprocess import enlarged_mask

SMALL, LARGE = 128, 512
COMPOSITION = Composition("cpu")


def enlarged(render, photo, large, detail):
    """The render at the size of the large photo, with what is finer put back."""
    planes = COMPOSITION.small_planes(render, photo, PostprocessParams(detail=detail))
    mask, ground = np.full(large.shape[:2], 255, np.uint8), np.zeros(4, np.float32)
    return to_floats(COMPOSITION.mixed(planes, large, mask, ground, (1.0, 1.0), None))


@pytest.fixture(scope="module")
def label():
    """A card with lettering, large and at the working size."""
    picture = Image.new("RGB", (LARGE, LARGE), (40, 70, 140))
    draw = ImageDraw.Draw(picture)
    for row, size in enumerate((60, 40, 28, 20)):
        text = "Tea No. 7 first flush"
        draw.text((40, 60 + 100 * row), text, (240, 230, 90), ImageFont.load_default(size))
    small = picture.resize((SMALL, SMALL), Image.Resampling.LANCZOS)
    return np.asarray(picture), to_floats(np.asarray(small))


def correlation(one, other):
    return np.corrcoef((one @ LUMA).ravel(), (other @ LUMA).ravel())[0, 1]


def test_a_render_that_is_the_photo_becomes_the_large_photo(label):
    large, small = label
    wide = to_floats(np.asarray(Image.fromarray(large).resize((SMALL, SMALL)).resize((LARGE,) * 2)))
    whole = enlarged(small, small, large, 0.0)
    assert whole.shape == large.shape
    assert correlation(whole, to_floats(large)) > 0.99 > correlation(wide, to_floats(large))


def test_lettering_turns_round_where_the_style_does(label):
    large, small = label
    assert correlation(enlarged(1 - small, small, large, 0.0), to_floats(large)) < -0.95


def test_a_flat_render_gets_only_the_least_share(label):
    large, small = label
    flat = np.full_like(small, 0.5)
    assert np.ptp(enlarged(flat, small, large, 0.0)) < 0.015
    assert correlation(enlarged(flat, small, large, 0.5), to_floats(large)) > 0.3


@given(share=st.floats(0, 1))
def test_fine_luminance_adds_no_colour_and_no_tone(label, share):
    _, photo = label
    flat = np.full_like(photo, 0.5)
    planes = COMPOSITION.small_planes(flat, photo, PostprocessParams(detail=share))
    changed = planes[:3].transpose(1, 2, 0) / 255
    assert np.ptp(changed, axis=2).max() < 1e-5
    assert abs(changed.mean() - 0.5) < 0.01


def test_a_mask_stays_whole_and_sharp(label):
    large, _ = label
    mask = np.zeros((SMALL, SMALL), np.float32)
    assert enlarged_mask(mask + 1, large).min() == 1
    mask[32:96, 32:96] = 1
    wide = enlarged_mask(mask, large)
    assert wide.shape == (LARGE, LARGE)
    assert ((wide > 0) & (wide < 1)).mean() < 0.02
    assert wide[256, 256] == 1
    assert wide[8, 8] == 0
