"""The sample products that the demo shows when it is given no other photos.

Nothing here renders: Mitsuba is needed to draw the photos anew, not to use them.
"""

import ast
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"
PHOTOS = SAMPLES / "photos"
CATALOGUE = [
    json.loads(line)
    for line in (PHOTOS / "products.jsonl").read_text(encoding="utf-8").splitlines()
]
PRODUCTS = [pytest.param(row, id=row["product_id"]) for row in CATALOGUE]


def pixels(row: dict) -> np.ndarray:
    with Image.open(PHOTOS / row["image"]) as photo:
        return np.asarray(photo.convert("RGB"), np.float32) / 255


def test_a_shop_of_at_least_24_products_in_at_least_6_categories():
    assert len(CATALOGUE) >= 24
    assert len({row["category"] for row in CATALOGUE}) >= 6


def test_ids_and_titles_are_used_once():
    for field in ("product_id", "title", "image"):
        counts = Counter(row[field] for row in CATALOGUE)
        assert [value for value, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("row", PRODUCTS)
def test_a_row_has_what_a_product_event_needs(row):
    assert set(row) == {
        "product_id", "title", "category", "image", "brand", "price_minor", "currency", "tags"
    }  # fmt: skip
    assert row["price_minor"] > 0
    assert row["currency"] == "EUR"
    assert row["tags"]
    assert all(isinstance(tag, str) for tag in row["tags"])


@pytest.mark.parametrize("row", PRODUCTS)
def test_the_photo_is_a_square_rgb_jpeg_in_its_categorys_folder(row):
    path = PHOTOS / row["image"]
    assert row["image"] == f"{row['category']}/{row['product_id']}.jpg"
    assert path.stat().st_size < 80_000
    with Image.open(path) as photo:
        photo.load()
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (512, 512))


@pytest.mark.parametrize("row", PRODUCTS)
def test_the_product_stands_free_in_the_middle_of_its_frame(row):
    photo = pixels(row)
    paper = np.median(photo[:6], axis=(0, 1))  # its shadow is within 0.3 of the paper
    rows, columns = np.nonzero(np.abs(photo - paper).max(axis=-1) > 0.3)
    low, high = (min(rows.min(), columns.min()), max(rows.max(), columns.max()))
    assert low > 10
    assert high < 501
    assert max(np.ptp(rows), np.ptp(columns)) > 0.55 * 512


def test_most_photos_are_on_white_and_some_are_not():
    corners = [np.median(pixels(row)[:40, :40]) for row in CATALOGUE]
    on_white = sum(corner > 0.98 for corner in corners)
    assert 0.6 * len(CATALOGUE) < on_white < len(CATALOGUE) - 3


def test_no_two_photos_look_alike():
    """As 16 px thumbnails, any two differ by far more than grain and compression do."""
    small = np.array(
        [pixels(row).reshape(16, 32, 16, 32, 3).mean(axis=(1, 3)) for row in CATALOGUE]
    )
    apart = np.abs(small[:, None] - small[None]).mean(axis=(2, 3, 4))
    np.fill_diagonal(apart, 1.0)
    assert apart.min() > 0.02


def test_no_photo_lies_about_without_a_product():
    listed = {row["image"] for row in CATALOGUE}
    assert {path.relative_to(PHOTOS).as_posix() for path in PHOTOS.glob("*/*")} == listed


def test_every_product_can_be_drawn_anew():
    tree = ast.parse((SAMPLES / "looks.py").read_text(encoding="utf-8"))
    looks = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LOOKS"
    )
    assert [ast.literal_eval(key) for key in looks.keys] == [row["product_id"] for row in CATALOGUE]


def test_the_photos_together_stay_small():
    assert sum(path.stat().st_size for path in PHOTOS.glob("*/*")) < 3_000_000
