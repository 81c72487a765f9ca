"""A gallery can be made anew beside its network, and is read as it was written."""

import shutil
from pathlib import Path

import numpy as np

from stylecore.imaging.photo import decode
from stylecore.models import FEATURES
from stylecore.rendering.features import FeatureNet, load_gallery, write_gallery
from workers.demo.inputs import sample_products

PHOTOS = [Path(product.image_uri) for product in sample_products()[:3]]


def test_a_gallery_is_made_anew_and_holds_its_photos_embeddings(tmp_path: Path) -> None:
    folder = tmp_path / "features"
    shutil.copytree(FEATURES, folder)
    write_gallery(folder, PHOTOS[:2])
    manifest = write_gallery(folder, PHOTOS)
    net = FeatureNet(folder)
    assert net.manifest == manifest
    rows = load_gallery(folder, manifest)
    pictures = [decode(photo.read_bytes(), short_side=256, max_pixels=10**7) for photo in PHOTOS]
    expected = net.describe_all([picture.pixels for picture in pictures]).embedding
    np.testing.assert_allclose(rows, expected, atol=1e-3)
