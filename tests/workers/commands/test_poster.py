"""`stylecast poster`: pictures of the usual sizes in a folder, and mistakes told in one line."""

import json
import subprocess

import numpy as np
import pytest
from command_line import stylecast
from PIL import Image
from poster_scenes import logo_file, product_on


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "mug.png"
    Image.fromarray(product_on()).save(path)
    return path


def poster(photo, *arguments: str) -> subprocess.CompletedProcess[str]:
    output = ("--output", photo.parent / "posters", *arguments)
    return stylecast("poster", photo, "--style", "original", *output)


def test_a_photo_a_headline_a_price_and_a_logo_become_the_usual_sizes(photo, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(logo_file())
    said = poster(
        photo,
        *("--headline", "新品上市，慢下来", "--price", "¥129", "--logo", str(logo)),
        *("--palette", "#0a3d62,#f8efba", "--json"),
    )
    assert said.returncode == 0, said.stderr
    rows = json.loads(said.stdout)
    assert [row["size"] for row in rows] == ["1080x1080", "1080x1920", "1200x628"]
    for row in rows:
        image = Image.open(row["path"])
        assert "x".join(map(str, image.size)) == row["size"]
        assert row["contrast"] >= 4.5
        assert (np.asarray(image) == (10, 61, 98)).all(axis=2).mean() > 0.1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--headline", "Tea", "--size", "1080"], "WIDTHxHEIGHT"),
        (["--headline", "Tea", "--size", "3000x300"], "4 times as long as wide"),
        (["--headline", "🎆", "--size", "540x540"], "U+1F386"),
        (["--headline", "Tea", "--logo", "nowhere.png"], "cannot read nowhere.png"),
    ],
)
def test_a_mistake_is_told_in_one_line(photo, arguments, reason):
    said = poster(photo, *arguments)
    assert said.returncode == 1
    assert reason in said.stderr
    assert said.stderr.count("\n") == 1
