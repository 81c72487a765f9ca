"""`stylecast cutout`: products alone at the size of their photos, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import stylecast
from PIL import Image

from workers.commands.cutout import box_of, without_stray_bits
from workers.demo.inputs import sample_products

PHOTOS = [Path(product.image_uri) for product in sample_products()[:2]]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in PHOTOS:
        Image.open(photo).resize((300, 300)).save(folder / photo.name)
    return folder


def test_photos_become_pictures_with_alpha_at_their_size(folder, tmp_path):
    stylecast("cutout", str(folder), "--output", str(tmp_path / "out"))
    for photo in PHOTOS:
        picture = Image.open(tmp_path / "out" / f"{photo.stem}.png")
        assert picture.mode == "RGBA"
        assert picture.size == (300, 300)
        assert picture.getchannel("A").getextrema() == (0, 255)


def test_a_small_photo_keeps_its_size_and_a_folder_is_not_written_into_itself(tmp_path):
    Image.open(PHOTOS[0]).resize((120, 90)).save(tmp_path / "small.png")
    result = stylecast("cutout", str(tmp_path / "small.png"), "--output", str(tmp_path / "out"))
    assert result.returncode == 0
    with Image.open(tmp_path / "out" / "small.png") as picture:
        assert picture.size == (120, 90)
    result = stylecast("cutout", str(tmp_path), "--output", str(tmp_path))
    assert result.returncode == 1
    assert "holds the photos" in result.stderr


def test_json_tells_share_box_and_confidence_of_each_photo(folder, tmp_path):
    output = stylecast("cutout", str(folder), "--output", str(tmp_path / "out"), "--json").stdout
    rows = json.loads(output)
    assert [Path(row["photo"]).name for row in rows] == sorted(photo.name for photo in PHOTOS)
    for row in rows:
        left, top, right, bottom = row["box"]
        assert 0 <= left < right <= 300
        assert 0 <= top < bottom <= 300
        assert 0 < row["share"] < 1
        assert 0.8 <= row["confidence"] <= 1
        assert Path(row["file"]).is_file()


def test_squares_on_white_have_the_product_in_the_middle(folder, tmp_path):
    out = str(tmp_path / "out")
    stylecast(
        "cutout", str(folder), "--output", out, "--square", "--ground", "white", "--format", "webp"
    )
    for photo in PHOTOS:
        picture = Image.open(tmp_path / "out" / f"{photo.stem}.webp").convert("RGB")
        assert picture.width == picture.height
        shown = np.asarray(picture).min(axis=2) < 250
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        for found in (rows, columns):
            assert abs(found[0] + found[-1] - picture.width) < 0.06 * picture.width


def test_a_square_leaves_out_stray_bits_and_keeps_small_parts_beside_the_product():
    alpha = np.zeros((600, 800), np.float32)
    alpha[100:500, 200:500] = 1
    alpha[300:310, 506:516] = 1  # print beside the product
    alpha[:8, 700:800] = 1  # the edge of a bed
    kept = without_stray_bits(alpha)
    assert box_of(kept) == (200, 100, 516, 500)
    assert (kept[alpha == 0] == 0).all()
    assert (without_stray_bits(np.zeros_like(alpha)) == 0).all()


def test_what_is_not_cut_out_is_named_and_the_exit_code_says_so(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    result = stylecast(
        "cutout", str(tmp_path / "broken.jpg"), "--output", str(tmp_path / "out"), "--json"
    )
    assert result.returncode == 1
    assert "broken.jpg" in result.stderr
    (row,) = json.loads(result.stdout)
    assert "file" not in row
    assert "broken.jpg" in row["problem"]


def test_a_ground_that_is_no_colour_is_refused(tmp_path):
    result = stylecast("cutout", str(PHOTOS[0]), "--output", str(tmp_path), "--ground", "bluish")
    assert result.returncode == 1
    assert "bluish" in result.stderr
