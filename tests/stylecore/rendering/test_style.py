"""The shipped encoder: any picture is some blend of the styles, and the same one each time."""

from pathlib import Path

import numpy as np
import pytest

from stylecore.imaging.photo import decode
from stylecore.models import GENERATOR
from stylecore.rendering.manifest import load_manifest
from stylecore.rendering.style import UnknownStyle, load_encoder, reference_of
from workers.demo.inputs import sample_products

PICTURE = Path(sample_products()[0].image_uri).read_bytes()


@pytest.fixture(scope="module")
def manifest():
    return load_manifest(GENERATOR)


@pytest.fixture(scope="module")
def encoder(manifest):
    return load_encoder(GENERATOR, manifest)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (70, 700), (256, 384)])
def test_weights_are_shares_of_the_styles(manifest, encoder, height, width):
    picture = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    for seen in (picture, np.zeros_like(picture)):
        weights = encoder.weights(seen)
        assert weights.shape == (len(manifest.styles),)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1, abs=1e-5)


def test_a_style_is_found_again_in_its_own_render(manifest, encoder):
    found = 0
    for row, style in enumerate(manifest.styles):
        swatch = decode((GENERATOR / style.swatch).read_bytes(), short_side=256, max_pixels=10**6)
        weights = reference_of(swatch, encoder).weights
        found += weights[row] >= np.sort(weights)[-3]
    assert found >= 0.5 * len(manifest.styles)


def test_a_packshots_white_ground_is_its_paper_and_its_bytes_its_name(encoder):
    photo = decode(PICTURE, short_side=128, max_pixels=10**7)
    reference = reference_of(photo, encoder)
    assert reference.sha256 == photo.sha256
    assert reference.paper.min() > 0.9
    assert reference.colours.mean[0] < 0.95
    again = reference_of(photo, encoder)
    np.testing.assert_array_equal(reference.weights, again.weights)


def test_a_generator_without_an_encoder_says_so():
    with pytest.raises(UnknownStyle, match="draws no reference pictures"):
        reference_of(decode(PICTURE, short_side=64, max_pixels=10**7), None)
