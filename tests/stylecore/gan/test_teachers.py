"""The teachers: what a generator needs of them to learn from their pictures."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylecore.gan.pairs import balanced, make_pair, on_white, write_pair
from stylecore.gan.teachers import STYLES, Gaussian, StyleInfo, paint, reference_palettes
from stylecore.gan.teachers.color import PHOTOS
from stylecore.imaging.color import from_oklab, to_oklab, transport
from stylecore.imaging.foreground import product_mask
from stylecore.rendering.grid import noise_field

Picture = NDArray[np.float32]
IDS = [info.style_id for info in STYLES]
PALETTES = {
    style: Gaussian(np.array([0.6, 0.0, 0.04], np.float32), np.diag([0.02, 0.001, 0.005]))
    for style in ("van-gogh", "pointillism", "pastel")
}
HEIGHT, WIDTH = 192, 176
MARGIN = 60
"""How far a teacher may look, in pixels."""


@pytest.fixture(scope="module")
def cloth() -> Picture:
    """Striped cloth with folds beside a dark one, on wood: no plain ground."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    stripes = np.where(np.sin(y / 5) > 0, 0.8, 0.35)[..., None] * np.array((0.9, 0.4, 0.3))
    folds = 1 + 0.35 * np.sin(x / 9 + y / 30)
    dark = (0.10 * folds)[..., None] * np.array((1.0, 1.0, 1.2))
    wood = 0.55 + 0.12 * np.sin(x / 3 + 2 * np.sin(y / 40))[..., None] * np.ones(3)
    photo = np.where((x < 80)[..., None], stripes * folds[..., None], dark)
    inside = (y > 25) & (y < 165) & (x > 20) & (x < 155)
    photo = np.where(inside[..., None], photo, wood) + 0.01 * noise_field(9, HEIGHT, WIDTH)
    return np.asarray(np.clip(photo, 0, 1), np.float32)


@pytest.fixture(scope="module")
def noise() -> Picture:
    return noise_field(4, HEIGHT, WIDTH)


@pytest.mark.parametrize("style", IDS)
def test_a_painting_is_a_picture_and_the_same_every_time(
    style: str, cloth: Picture, noise: Picture
) -> None:
    before = cloth.copy()
    painted = paint(style, cloth, noise, PALETTES)
    assert painted.shape == cloth.shape
    assert painted.dtype == np.float32
    assert painted.min() >= 0
    assert painted.max() <= 1
    np.testing.assert_array_equal(paint(style, cloth, noise, PALETTES), painted)
    np.testing.assert_array_equal(cloth, before)


@pytest.mark.parametrize("style", IDS)
def test_another_noise_field_is_another_painting(
    style: str, cloth: Picture, noise: Picture
) -> None:
    other = paint(style, cloth, noise_field(5, HEIGHT, WIDTH), PALETTES)
    assert np.abs(other - paint(style, cloth, noise, PALETTES)).mean() > 0.0015


@pytest.mark.parametrize("style", STYLES, ids=IDS)
def test_plain_ground_becomes_the_one_even_paper(style: StyleInfo, noise: Picture) -> None:
    photo = np.ones((HEIGHT, WIDTH, 3), np.float32)
    photo[50:140, 50:130] = (0.25, 0.45, 0.35)
    painted = paint(style.style_id, photo, noise, PALETTES)
    ground = painted[product_mask(photo) == 0]
    assert len(ground) > photo[..., 0].size / 2
    np.testing.assert_allclose(ground, np.broadcast_to(style.paper or (1, 1, 1), ground.shape))
    assert np.abs(painted[60:130, 60:120] - (style.paper or 1)).mean() > 0.02


@pytest.mark.parametrize("style", IDS)
def test_the_painting_of_a_crop_is_the_crop_of_the_painting(
    style: str, cloth: Picture, noise: Picture
) -> None:
    """Away from the crop's border, at an odd offset that would betray a lattice."""
    whole = paint(style, cloth, noise, PALETTES)[23:, 17:]
    part = paint(style, cloth[23:, 17:].copy(), noise[23:, 17:].copy(), PALETTES)
    apart = np.abs(whole - part)[MARGIN:, MARGIN:]
    assert apart.mean() < 0.004


@pytest.mark.parametrize("style", IDS)
def test_dark_cloth_keeps_its_folds(style: str, cloth: Picture, noise: Picture) -> None:
    """The middle of the dark cloth shows more than one tone, and the folds are among them."""
    painted = paint(style, cloth, noise, PALETTES)[60:130, 90:150].mean(axis=2)
    assert painted.std() > 0.008


def test_styles_differ_from_each_other_and_from_the_photo(cloth: Picture, noise: Picture) -> None:
    pictures = {style: paint(style, cloth, noise, PALETTES) for style in IDS} | {"photo": cloth}
    for (one, first), (two, second) in itertools.combinations(pictures.items(), 2):
        assert np.abs(first - second).mean() > 0.04, f"{one} looks like {two}"


def test_unknown_styles_and_wrong_sizes_are_refused(cloth: Picture, noise: Picture) -> None:
    with pytest.raises(KeyError, match="cubism"):
        paint("cubism", cloth, noise, PALETTES)
    with pytest.raises(ValueError, match="sizes must agree"):
        paint("neon", cloth, noise[1:], PALETTES)


def test_transport_moves_mean_and_covariance_to_the_target(cloth: Picture) -> None:
    np.testing.assert_allclose(from_oklab(to_oklab(cloth)), cloth, atol=2e-3)
    target = PALETTES["van-gogh"]
    colours = np.random.default_rng(0).multivariate_normal(PHOTOS.mean, PHOTOS.covariance, 40_000)
    moved = transport(colours.astype(np.float32), PHOTOS, target, 1.0)
    np.testing.assert_allclose(moved.mean(axis=0), target.mean, atol=5e-3)
    np.testing.assert_allclose(np.cov(moved.T), target.covariance, atol=1e-3)


def test_reference_palettes_are_read_from_style_folders(tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "red" / "a.png")
    (tmp_path / "empty").mkdir()
    palettes = reference_palettes(tmp_path)
    assert set(palettes) == {"red"}
    assert palettes["red"].mean[1] > 0.1
    with pytest.raises(FileNotFoundError, match="one subfolder a style"):
        reference_palettes(tmp_path / "nowhere")


def test_photos_are_drawn_in_turn_from_the_categories(tmp_path: Path) -> None:
    for category, count in (("hat", 5), ("shoes", 2)):
        (tmp_path / category).mkdir()
        for index in range(count):
            Image.new("RGB", (8, 8)).save(tmp_path / category / f"{index}.png")
    drawn = balanced([tmp_path], 4)
    assert [path.parent.name for path in drawn] == ["hat", "shoes", "hat", "shoes"]
    assert drawn == balanced([tmp_path], 6)[:4]


def test_a_pair_holds_photo_paintings_and_seed(tmp_path: Path, cloth: Picture) -> None:
    source = tmp_path / "cloth.png"
    Image.fromarray((cloth * 255).astype(np.uint8)).save(source)
    palettes = dict.fromkeys(IDS, PHOTOS)
    assert write_pair((1, source), tmp_path, palettes)
    assert not write_pair((1, source), tmp_path, palettes)
    with np.load(tmp_path / "00001.npz") as pair:
        assert set(pair.files) == {"photo", "noise_seed", *IDS}
        assert {pair[name].shape for name in ("photo", *IDS)} == {(279, 256, 3)}
        noise = noise_field(int(pair["noise_seed"]), 279, 256)
        again = paint("neon", pair["photo"].astype(np.float32) / np.float32(255), noise, palettes)
        np.testing.assert_array_equal(pair["neon"], np.rint(again * 255).astype(np.uint8))
    assert make_pair(source, 3, palettes)["photo"][:3].min() > 200


def test_photos_without_plain_ground_are_cut_out_onto_white(cloth: Picture) -> None:
    shown = product_mask(on_white(cloth, 12))
    assert 0.2 < shown.mean() < 0.9
