"""What the shipped feature network promises to whoever serves it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.errors import Permanent
from stylecore.imaging.photo import decode, to_floats
from stylecore.models import FEATURES, GENERATOR
from stylecore.rendering.features import PHOTO, FeatureNet, load_features_manifest, squash
from stylecore.rendering.manifest import MANIFEST, load_manifest
from workers.demo.inputs import sample_products


@pytest.fixture(scope="module")
def net() -> FeatureNet:
    return FeatureNet(FEATURES)


def pictures(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, height, width, 3), np.float32)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 300), st.integers(1, 300))
def test_any_size_of_picture_gives_unit_embeddings_and_probabilities(net, count, height, width):
    found = net.describe(pictures(count, height, width))
    assert found.embedding.shape == (count, net.manifest.embedding_size)
    np.testing.assert_allclose(np.linalg.norm(found.embedding, axis=1), 1, atol=1e-5)
    for rows, names in ((found.categories, net.categories), (found.styles, net.styles)):
        assert rows.shape == (count, len(names))
        assert (rows >= 0).all()
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_a_batch_says_what_one_by_one_says(net) -> None:
    batch = pictures(5, 90, 120)
    together = net.describe(batch)
    for row in range(5):
        alone = net.describe(batch[row : row + 1])
        for part in ("embedding", "categories", "styles"):
            np.testing.assert_allclose(
                getattr(together, part)[row], getattr(alone, part)[0], atol=1e-5
            )


def test_the_same_picture_gives_the_same_bytes(net) -> None:
    first, second = (net.describe(pictures(2, 64, 64)) for _ in range(2))
    assert first.embedding.tobytes() == second.embedding.tobytes()


def test_its_styles_are_the_generators_and_photo(net) -> None:
    drawn = [style.style_id for style in load_manifest(GENERATOR).styles]
    assert list(net.styles) == [*drawn, PHOTO]


def test_a_photo_is_most_like_itself_at_another_size(net) -> None:
    photos = [
        to_floats(
            decode(Path(product.image_uri).read_bytes(), short_side=side, max_pixels=10**8).pixels
        )
        for side in (256, 180)
        for product in sample_products()[:6]
    ]
    embeddings = np.concatenate([net.describe(photo[None]).embedding for photo in photos])
    likeness = embeddings[:6] @ embeddings[6:].T
    np.testing.assert_array_equal(likeness.argmax(axis=1), range(6))


def test_squashing_keeps_a_square_of_the_right_size_as_it_is() -> None:
    square = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    np.testing.assert_array_equal(squash(square, 8), square)


def test_other_weights_than_the_manifests_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "features"
    shutil.copytree(FEATURES, folder)
    file = folder / load_features_manifest(folder).file
    file.write_bytes(file.read_bytes() + b"0")
    with pytest.raises(Permanent, match="sha256"):
        FeatureNet(folder)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (f'"{PHOTO}"', '"picture"', "last style"),
        ('"t-shirt"', '"shirt"', "'shirt' twice"),
        ('"input_side": 128', '"input_side": 0', "input_side"),
    ],
)
def test_a_manifest_that_is_wrong_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = (FEATURES / MANIFEST).read_text()
    assert old in text
    (tmp_path / MANIFEST).write_text(text.replace(old, new, 1))
    with pytest.raises(Permanent, match=told):
        load_features_manifest(tmp_path)


def test_a_folder_without_a_network_is_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no feature network in"):
        load_features_manifest(tmp_path)
