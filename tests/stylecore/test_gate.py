"""The gate lets through what is still the product, and says what is not."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from stylecore.gate import Bounds, judge, measure, structure
from stylecore.images import LUMA, decode, to_floats
from workers.demo.products import sample_products


@pytest.fixture(scope="module")
def photos():
    products = sample_products()[:6]
    return [to_floats(_decoded(product.image_uri)) for product in products]


def _decoded(path):
    with open(path, "rb") as file:  # noqa: PTH123
        return decode(file.read(), short_side=256, max_pixels=10**7).pixels


def test_the_photo_itself_has_all(photos):
    for photo in photos:
        quality = measure(photo, photo)
        assert quality.structure == pytest.approx(1)
        assert quality.identity == pytest.approx(1)


def test_structure_is_the_published_ssim(photos):
    before, after = photos[0] @ LUMA, ndimage.gaussian_filter(photos[0], (2, 2, 0)) @ LUMA
    _, published = structural_similarity(
        before,
        after,
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    assert structure(before, after) == pytest.approx(published.mean(), abs=1e-4)


def test_a_recoloured_or_inverted_product_is_found_again_and_another_is_not(photos):
    for photo, other in pairwise(photos):
        recoloured = photo[..., ::-1] * np.float32(0.8) + np.float32(0.1)
        kept = min(measure(photo, recoloured).identity, measure(photo, 1 - photo).identity)
        assert kept > 0.9
        assert measure(photo, other).identity < kept - 0.1


def test_a_blank_picture_is_rejected_with_figure_value_and_bound(photos):
    quality = measure(photos[0], np.ones_like(photos[0]))
    reasons = judge(quality, Bounds(structure=0.2, identity=0.6))
    assert "identity" in {reason.figure for reason in reasons}
    assert all(reason.value < reason.bound for reason in reasons)


def test_a_photo_without_an_edge_is_no_reason_to_reject():
    flat = np.full((64, 64, 3), 0.5, np.float32)
    assert judge(measure(flat, flat), Bounds(structure=0.2, identity=0.6)) == []
