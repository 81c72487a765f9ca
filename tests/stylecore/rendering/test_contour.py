"""A product that is drawn as its ground is seen, and given a contour where its outline is sure."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from schemas.events import StyleDefinition
from stylecore.imaging.color import to_cielab
from stylecore.imaging.photo import decode, to_floats, to_pixels
from stylecore.models import FEATURES, GENERATOR
from stylecore.rendering.draw import at_working_size, compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import describe, gate_target, load_quality_model, measure, verdict
from stylecore.rendering.manifest import Bounds
from stylecore.rendering.postprocess import contour_share, contour_tone, outline_of, visibility
from workers.demo.inputs import sample_products

PAPER = (250, 244, 226)
SIDE = 128


@pytest.fixture(scope="module")
def engine():
    return Engine(GENERATOR, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def quality_model():
    return load_quality_model(FEATURES)


def white_mug(alpha: bool, path: Path) -> Path:
    """A white mug with a handle, cut out or on white ground."""
    picture = Image.new("RGBA", (512, 512), (255, 255, 255, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((300, 180, 440, 340), (244, 244, 244, 255))
    pen.ellipse((330, 210, 410, 310), (255, 255, 255, 0))
    pen.rounded_rectangle((120, 130, 350, 400), 40, (247, 247, 247, 255))
    pen.ellipse((130, 120, 340, 170), (236, 236, 236, 255))
    if not alpha:
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture).convert("RGB")
    picture.save(path)
    return path


def drawn(engine, path: Path, output_side: int = 0, **definition):
    """The task and its picture in watercolour."""
    photo = decode(path.read_bytes(), short_side=256, max_pixels=10**7, output_side=output_side)
    wanted = StyleDefinition(weights={"watercolour": 1.0}, **definition)
    task = task_of(source_of(photo), wanted, engine.manifest)
    ((_, render),) = draw(engine, [task], 1)
    return task, compose(task, render, engine)


def figures(engine, quality_model, task, picture):
    (photo,) = describe(quality_model, [task.source])
    small = at_working_size(picture, task.source)
    return measure(quality_model, [gate_target(task, photo, engine.manifest)], [small])[0]


def with_contour(picture, ground):
    near = OUTLINE.near
    share = contour_share(picture[near], ground[near], OUTLINE)[..., None]
    return to_pixels(picture + share * (contour_tone(ground[0, 0]) - picture))


def square(colour) -> np.ndarray:
    picture = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    picture[32:96, 32:96] = colour
    return picture


MASK = np.zeros((SIDE, SIDE), np.float32)
MASK[32:96, 32:96] = 1
OUTLINE = outline_of(MASK)
GROUND = np.full((SIDE, SIDE, 3), PAPER, np.uint8)


def seen(picture, ground=GROUND):
    """Visibility of the product of MASK."""
    return visibility(np.linalg.norm(to_cielab(picture) - to_cielab(ground), axis=-1), OUTLINE)


def test_it_is_the_difference_along_the_outline():
    assert seen(GROUND) == 0
    assert seen(square((248, 242, 224))) < 2
    assert seen(square((60, 60, 60))) > 50
    line = square(PAPER)
    line[32:96, 32:34] = line[32:96, 94:96] = line[32:34, 32:96] = line[94:96, 32:96] = 60
    assert seen(line) > 25


def test_what_lies_away_from_the_outline_does_not_count():
    within = square(PAPER)
    within[50:78, 50:78] = 0
    assert seen(within) == 0


@pytest.mark.parametrize("mask", [np.ones_like(MASK), np.zeros_like(MASK)])
def test_without_an_outline_there_is_no_figure(mask):
    assert outline_of(mask) is None
    assert visibility(np.ones_like(mask), None) is None


@pytest.mark.parametrize("ground", [GROUND, np.full_like(GROUND, 12)], ids=["paper", "night"])
def test_a_contour_is_drawn_where_the_outline_is_lost_and_nowhere_else(ground):
    lost = to_floats(ground)
    found = with_contour(lost, lost)
    assert seen(found, ground) > 10
    assert (found[64, 64] == ground[64, 64]).all()
    assert (found[5, 5] == ground[5, 5]).all()
    strong = to_floats(np.where(MASK[..., None] > 0, np.uint8(120), ground))
    np.testing.assert_array_equal(with_contour(strong, lost), to_pixels(strong))


def test_a_white_product_on_white_is_rejected_where_it_becomes_an_even_square(
    engine, quality_model, tmp_path
):
    task, picture = drawn(engine, white_mug(False, tmp_path / "mug.png"))
    reasons = verdict(quality_model, engine.manifest, Bounds(), task, picture)
    assert "visibility" in {reason.figure for reason in reasons}


@pytest.mark.parametrize("output_side", [0, 512])
def test_a_white_product_that_was_cut_out_stays_visible(
    engine, quality_model, tmp_path, output_side
):
    task, picture = drawn(engine, white_mug(True, tmp_path / "mug.png"), output_side)
    quality = figures(engine, quality_model, task, picture)
    assert quality.visibility > 10
    assert quality.background < 2.06
    paper = np.array(engine.manifest.styles[0].paper)
    hole = round(260 / 512 * picture.shape[0]), round(372 / 512 * picture.shape[1])
    assert np.abs(picture[hole] - paper.astype(int)).max() < 3  # the handle's inside is ground


def test_the_outline_of_a_cut_out_product_is_as_sharp_as_its_alpha(engine, tmp_path):
    task, _ = drawn(engine, white_mug(True, tmp_path / "mug.png"), 512)
    alpha = np.asarray(Image.open(tmp_path / "mug.png").getchannel("A"), np.float32) / 255
    np.testing.assert_allclose(task.source.large_mask / 255, alpha, atol=1 / 255)


def test_below_the_strength_of_a_style_visibility_is_not_judged(engine, quality_model, tmp_path):
    task, picture = drawn(engine, white_mug(False, tmp_path / "mug.png"), strength=0.5)
    assert figures(engine, quality_model, task, picture).visibility is None


def test_shipped_photos_are_visible(engine, quality_model):
    for product in sample_products()[::6]:
        task, picture = drawn(engine, Path(product.image_uri))
        visible = figures(engine, quality_model, task, picture).visibility
        assert visible is None or visible > engine.manifest.styles[0].bounds.visibility
