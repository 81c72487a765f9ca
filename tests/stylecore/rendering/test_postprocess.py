"""A style's finish: nothing by default, softer or crisper by its sign, the photo by its share,
colours muted towards a tint or more vivid at the same luminance.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecore.imaging.photo import LUMA
from stylecore.rendering.composition import Composition
from stylecore.rendering.manifest import PostprocessParams, blended_params

COMPOSITION = Composition("cpu")


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return random.random((24, 32, 3), np.float32), random.random((24, 32, 3), np.float32)


def postprocessed(render, photo, params):
    planes = COMPOSITION.small_planes(render, photo, params)
    return planes[:3].transpose(1, 2, 0) / 255


def restlessness(picture):
    return np.abs(np.diff(picture, axis=1)).mean()


def test_the_default_leaves_the_render_as_it_is(pictures):
    render, photo = pictures
    unchanged = postprocessed(render, photo, PostprocessParams())
    np.testing.assert_allclose(unchanged, render, atol=1e-5)


@given(sharpness=st.floats(0.1, 1))
def test_sharpness_makes_crisper_above_nought_and_softer_below(pictures, sharpness):
    render, photo = 0.3 + 0.4 * pictures[0], pictures[1]
    crisper = postprocessed(render, photo, PostprocessParams(sharpness=sharpness))
    softer = postprocessed(render, photo, PostprocessParams(sharpness=-sharpness))
    assert restlessness(softer) < restlessness(render) < restlessness(crisper)


@given(share=st.floats(0, 1))
def test_the_photos_share_lies_on_the_line_between_the_two(pictures, share):
    render, photo = pictures
    expected = (1 - share) * render + share * photo
    np.testing.assert_allclose(
        postprocessed(render, photo, PostprocessParams(photo=share)), expected, atol=1e-5
    )


@given(colour=st.floats(0, 1.5))
def test_colour_changes_how_far_colours_lie_from_the_tint_and_no_luminance(pictures, colour):
    render, photo = 0.4 + 0.2 * pictures[0], pictures[1]
    tint = (0.95, 0.9, 0.8)
    changed = postprocessed(render, photo, PostprocessParams(colour=colour, tint=tint))
    np.testing.assert_allclose(changed @ LUMA, render @ LUMA, atol=1e-5)
    np.testing.assert_allclose(
        from_tint(changed, tint), colour * from_tint(render, tint), atol=1e-5
    )


def from_tint(picture, tint):
    """[H, W, 3], how far colours lie from the tint as light as they are."""
    tint = np.array(tint, np.float32)
    return picture - (picture @ LUMA)[..., None] * tint / (tint @ LUMA)


def test_paper_of_the_tint_keeps_its_colour(pictures):
    paper = (0.95, 0.9, 0.8)
    render = np.broadcast_to(np.array(paper, np.float32), pictures[0].shape)
    muted = postprocessed(render, pictures[1], PostprocessParams(colour=0.3, tint=paper))
    np.testing.assert_allclose(muted, render, atol=1e-5)


@given(share=st.floats(0, 1))
def test_a_blend_has_the_weighted_mean_of_its_parts(share):
    one, other = (
        PostprocessParams(sharpness=-1, photo=0.2),
        PostprocessParams(sharpness=0.5, detail=0.4, colour=0.5),
    )
    mixed = blended_params([one, other], [share, 1 - share])
    assert mixed.sharpness == pytest.approx(0.5 - 1.5 * share)
    assert mixed.photo == pytest.approx(0.2 * share)
    assert mixed.detail == pytest.approx(0.4 * (1 - share))
    assert mixed.colour == pytest.approx(0.5 + 0.5 * share)
