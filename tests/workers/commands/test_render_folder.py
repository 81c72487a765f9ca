"""`stylecast render FOLDER`: every file is drawn or named, and memory does not grow with them."""

import json
import os
import shutil
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command_line import stylecast
from hostile.pictures import file_of, webp_canvas_bomb
from PIL import Image

from schemas.catalog import StyleDefinition
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.decoder_process import Limits
from workers.commands import render
from workers.demo.inputs import folder_products, sample_products
from workers.pictures import files_below, load_engine
from workers.settings import load_settings

PHOTO = Path(sample_products()[0].image_uri)
FLAGS = ("--style", "watercolour", "--no-gate", "--output")


@pytest.fixture
def folder(tmp_path):
    """Photos under names of every sort, what cannot be read, and what systems leave behind."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    photo = Image.open(PHOTO).convert("RGB").resize((64, 64))
    for name, kind in {
        "a.jfif": "JPEG",
        "b.avif": "AVIF",
        "c.JPG": "PNG",
        "more/d": "WEBP",
        "e.dat": "JPEG2000",
    }.items():
        (folder / name).write_bytes(file_of(photo, kind))
    for name, data in {
        "._a.jfif": b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
        "f.jpg": b"%PDF-1.7",
        "more/g.png": webp_canvas_bomb(),
        "h.jpg": file_of(photo, "JPEG")[:900],
        "i.txt": b"notes",
        "j.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    }.items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "broken.jpg").symlink_to("nowhere.jpg")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".git/x", "__MACOSX/._a.jfif"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"of the system")
    return folder


TAKEN = {"a", "b", "c", "d", "e"}
NAMED = {
    "._a.jfif": "AppleDouble",
    "f.jpg": "a PDF",
    "g.png": "over the limit",
    "h.jpg": "JPEG",
} | {
    "i.txt": "a text",
    "j.heic": "a HEIC picture",
    "pipe.jpg": "no regular file",
    "broken.jpg": "No such file",
}


def test_every_file_is_drawn_or_named_and_the_exit_says_so(folder, tmp_path):
    done = stylecast("render", folder, *FLAGS, tmp_path / "out")
    assert done.returncode == 1
    assert {path.stem for path in (tmp_path / "out" / "watercolour").iterdir()} == TAKEN
    lines = done.stderr.strip().splitlines()
    assert len(lines) == len(NAMED)
    for name, why in NAMED.items():
        (line,) = [line for line in lines if f"/{name}" in line]
        assert line.startswith("stylecast: ")
        assert why in line
    summary = (
        f"{len(TAKEN)} pictures in {tmp_path / 'out'}, 0 rejected, {len(NAMED)} files not read"
    )
    assert summary in done.stdout


def test_the_demo_takes_and_names_the_same_files(folder):
    told = []
    found = folder_products(folder, report=told.append)
    assert {Path(product.image_uri).stem for product in found} == TAKEN
    assert len(told) == len(NAMED)
    for name, why in NAMED.items():
        assert [line for line in told if f"/{name}" in line and why in line]


def test_a_limit_is_met_by_readable_photos(folder):
    assert len(folder_products(folder, limit=len(TAKEN), report=lambda _: None)) == len(TAKEN)


def test_files_of_systems_are_passed_over(folder):
    found = {path.name for path in files_below(folder)}
    assert found.isdisjoint({".DS_Store", "Thumbs.db", "desktop.ini", "x"})
    assert "._a.jfif" in found


def test_what_an_earlier_run_drew_is_not_drawn(tmp_path):
    shutil.copy(PHOTO, tmp_path / "mug.jpg")
    for _ in range(2):
        done = stylecast("render", tmp_path, *FLAGS, tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert "1 pictures" in done.stdout


def test_files_beside_photos_are_no_clash_of_names(tmp_path):
    shutil.copy(PHOTO, tmp_path / "mug.jpg")
    (tmp_path / "mug.json").write_text("{}")
    done = stylecast("render", tmp_path, *FLAGS, tmp_path / "out")
    assert "1 pictures" in done.stdout
    assert "mug.json: this is a JSON text" in done.stderr


def test_a_rejected_picture_is_exit_1_with_digits_that_tell(tmp_path):
    flags = ("render", PHOTO, "--style", "watercolour", "--output", tmp_path)
    shown = stylecast(*flags, STYLECAST_STYLIZE__MINIMUM_STRUCTURE="0.9999")
    assert shown.returncode == 1
    assert "0 pictures" in shown.stdout
    assert "1 rejected and not written" in shown.stdout
    assert stylecast(*flags, "--no-gate").returncode == 0


@pytest.fixture
def drawing(tmp_path):
    settings = load_settings()
    wanted = {"watercolour": StyleDefinition(weights={"watercolour": 1.0})}
    engine = load_engine(settings.stylize)
    return render.Drawing(settings, engine, wanted, None, None, tmp_path, render.Count())


def test_memory_does_not_grow_with_the_photos(drawing, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "TOGETHER", 2)
    large = Image.open(PHOTO).convert("RGB").resize((512, 512))
    paths = [tmp_path / f"{number}.jpg" for number in range(8)]
    for path in paths:
        large.save(path)
    limits = Limits(max_pixels=10**7, seconds=5, short_side=256, output_side=512)
    decoder = Decoder(limits, 1)

    def peak(some) -> int:
        tracemalloc.start()
        with ThreadPoolExecutor(1) as executor:
            for row in render._drawn(some, drawing, partial(render.read_photo, decoder), executor):
                assert set(row) == {"original", "watercolour"}
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    try:
        peak(paths[:2])
        few, many = peak(paths[:4]), peak(paths)
    finally:
        decoder.close()
    assert drawing.count.written == 14
    a_photo = 3 * 512 * 512
    assert few > a_photo
    assert many < few + a_photo


@pytest.mark.parametrize("flags", [("--ground", "transparent"), ("--product-strength", "0")])
def test_a_photo_without_a_sure_product_is_drawn_whole_and_the_exit_says_so(tmp_path, flags):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "pattern.png")
    done = stylecast("render", tmp_path / "pattern.png", *FLAGS, tmp_path / "out", *flags, "--json")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("stylecast: ")]
    assert "pattern.png: no product was found for sure" in line
    (row,) = json.loads(done.stdout)
    assert row["problem"] in line
    assert Path(row["file"]).is_file()
    assert row["notes"] == ["matte-uncertain"]


def test_a_clip_that_is_to_stand_on_another_ground_is_not_drawn_and_named(tmp_path):
    frames = [Image.new("RGB", (64, 64), (level,) * 3) for level in (0, 90, 200)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:], duration=100)
    shutil.copy(PHOTO, tmp_path / "mug.jpg")
    done = stylecast("render", tmp_path, *FLAGS, tmp_path / "out", "--ground", "paper")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("stylecast: ")]
    assert "clip.gif: a clip takes no --ground" in line
    assert "1 pictures" in done.stdout
    assert "1 clip not drawn: clips take no ground" in done.stdout
    assert "not read" not in done.stdout


def test_a_scene_is_drawn_in_its_aspect_and_what_does_not_fit_is_named(tmp_path):
    scene = ("--ground", "scene", "--backdrop", "moon", "--aspect", "4:5")
    done = stylecast("render", PHOTO, *FLAGS, tmp_path / "out", *scene, "--json")
    assert done.returncode == 0
    (row,) = json.loads(done.stdout)
    assert row["notes"][-1].startswith("product-")
    with Image.open(row["file"]) as picture:
        width, height = picture.size
    assert height == round(1.25 * width)
    assert "note:" not in done.stderr
    for options, reason in (
        (("--backdrop", "moon"), "--backdrop: only with --ground scene"),
        (("--aspect", "1:1"), "--aspect: only with --ground scene"),
        (("--ground", "scene"), "give --backdrop; there are: studio"),
        (("--ground", "scene", "--backdrop", "x"), "no backdrop 'x'; there are: studio"),
        ((*scene, "--scene-colours", "#ffffff"), "one colour is too few"),
        ((*scene, "--scene-colours", "#ffffff,blue"), "'blue' is no colour"),
        ((*scene, "--scene-colours", ",".join(["#ffffff"] * 6)), "6 colours are too many"),
    ):
        done = stylecast("render", PHOTO, *FLAGS, tmp_path / "out", *options)
        assert done.returncode == 1
        assert reason in done.stderr


def test_scenes_are_listed_with_a_swatch_of_each(tmp_path):
    rows = json.loads(stylecast("scenes", "--json", "--output", tmp_path / "swatches").stdout)
    assert {"backdrop", "chinese", "surface", "colours", "occasions"} == set(rows[0])
    for row in rows:
        with Image.open(tmp_path / "swatches" / f"{row['backdrop']}.png") as swatch:
            assert swatch.size == (256, 256)
