"""What scenes promise: placement, contrast, true colours, no scene without a sure product."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from schemas.catalog import Scene, Style, StyleDefinition
from stylecore.imaging.color import from_oklab, in_gamut, to_cielab
from stylecore.imaging.photo import Photo, decode, encode, to_floats, to_pixels
from stylecore.models import GENERATOR, MATTE
from stylecore.rendering.backdrop_rooms import BASE
from stylecore.rendering.backdrops import BACKDROPS
from stylecore.rendering.draw import compose, draw, source_for, staging_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.matte import UNCERTAIN, Cutout, MatteNet, cut_out
from stylecore.rendering.postprocess import outline_of, surroundings, visibility
from stylecore.rendering.scene import (
    ROOM,
    box_of,
    canvas_size,
    placed,
    pose_of,
)
from stylecore.rendering.scene_colours import OWN_HUE, contrast, hue_of, outline_colours, suited
from stylecore.rendering.style import UnknownStyle
from stylecore.storage.render_cache import style_sha256
from workers.demo.inputs import sample_products

NAMES = list(BACKDROPS)
PHOTOS = {product.product_id: Path(product.image_uri) for product in sample_products()}
POSES = ("stands", "lies", "hangs")


@pytest.fixture(scope="module")
def engine():
    return Engine(GENERATOR, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def net():
    return MatteNet(MATTE)


def definition(backdrop="studio", aspect="photo", scene=None, **more):
    wanted = Scene(backdrop=backdrop, **(scene or {}))
    weights = {"watercolour": 1.0}
    return StyleDefinition(weights=weights, ground="scene", scene=wanted, aspect=aspect, **more)


def disc_photo(side=96):
    """A disc on a brown table, and where it is."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    alpha = np.clip((0.3 - np.hypot(x, y)) * side + 0.5, 0, 1).astype(np.float32)
    table = np.array([120, 85, 50])
    pixels = np.rint(table + alpha[..., None] * (np.array([30, 70, 180]) - table)).astype(np.uint8)
    photo = Photo(pixels, "0" * 64, None, None, None, ())
    return Cutout(photo, alpha, None, 1.0, "test")


def rendered(engine, cutout, wanted):
    source = source_for(cutout, staging_of(wanted))
    task = task_of(source, wanted, engine.manifest)
    ((_, render),) = draw(engine, [task], 1)
    return task, compose(task, render, engine)


# Placement


@given(
    *(st.integers(1, 60), st.integers(1, 60), st.integers(20, 300), st.integers(20, 300)),
    *(st.sampled_from(POSES), st.sampled_from(NAMES), st.floats(0.1, 1)),
)
@settings(max_examples=200, deadline=None)
def test_a_product_keeps_its_shape_and_lies_within_the_margins(
    tall, wide, height, width, pose, name, fit
):
    alpha = np.zeros((64, 64), np.float32)
    alpha[2 : 2 + tall, 2 : 2 + wide] = 1
    box = box_of(alpha, (height, width), pose, BACKDROPS[name], fit)
    assert box.width / box.height == pytest.approx(wide / tall)
    assert box.left >= 0.1 * width - 1
    assert box.left + box.width <= 0.9 * width + 1
    assert box.top >= 0.04 * height - 1
    assert box.top + box.height <= 0.96 * height + 1
    if pose == "stands" and BACKDROPS[name].surface == "floor":
        assert box.top + box.height == pytest.approx(BASE * height, abs=1)
    assert max(ROOM[pose]) <= 0.92


def test_a_product_that_the_frame_cuts_off_lies_at_the_canvas_edge():
    alpha = np.zeros((64, 64), np.float32)
    alpha[20:, 16:48] = 1
    box = box_of(alpha, (200, 100), "hangs", BACKDROPS["rays"], 1.0)
    assert box.top + box.height == pytest.approx(200)
    alpha[:, 16:48] = 1
    box = box_of(alpha, (100, 200), "hangs", BACKDROPS["rays"], 1.0)
    assert (box.top, box.height) == (0, 100)


@pytest.mark.parametrize(
    ("product", "pose"),
    [
        *(("mug-harbour", "stands"), ("bottle-olive", "stands"), ("stool-dip", "stands")),
        *(("vase-coral", "stands"), ("tee-sunday", "hangs"), ("tee-breton", "hangs")),
    ],
)
def test_things_stand_on_their_base_or_legs_and_garments_hang(net, product, pose):
    photo = decode(PHOTOS[product].read_bytes(), short_side=128, max_pixels=10**7)
    source = source_for(cut_out(photo, net), staging_of(definition()))
    assert f"product-{pose}" in source.notes


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_every_shape_has_a_pose(seed):
    alpha = np.random.default_rng(seed).random((12, 15)).astype(np.float32)
    alpha[5, 5] = 1
    assert pose_of(alpha, is_studio_shot=True) in POSES
    assert pose_of(alpha, is_studio_shot=False) in ("lies", "hangs")


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        *(("photo", (90, 60)), ("1:1", (60, 60)), ("4:5", (75, 60)), ("9:16", (107, 60))),
        *(("16:9", (60, 107)), ("1.91:1", (60, 115))),
    ],
)
def test_a_canvas_has_the_aspect_that_was_asked_for(engine, aspect, size):
    assert canvas_size((90, 60), aspect) == size
    cutout = disc_photo(side=64)
    _, picture = rendered(engine, cutout, definition(aspect=aspect))
    height, width = canvas_size((64, 64), aspect)
    assert picture.shape == (height, width, 3)


def test_a_tiny_product_on_a_strip_is_not_blown_up(engine):
    pixels = np.full((32, 128, 3), 200, np.uint8)
    alpha = np.zeros((32, 128), np.float32)
    pixels[10:16, 60:66], alpha[10:16, 60:66] = 20, 1
    photo = Photo(pixels, "0" * 64, None, None, None, ())
    wanted = definition("checks", "9:16")
    source = source_for(Cutout(photo, alpha, None, 1.0, "test"), staging_of(wanted))
    rows = np.flatnonzero((source.product.alpha >= 128).any(axis=1))
    assert 6 <= len(rows) <= 16


# Light and colours


@given(st.sampled_from(NAMES), st.sampled_from(POSES), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_shadow_darkens_and_without_one_nothing_does(name, pose, seed):
    cutout = disc_photo(side=64)
    colours = [np.full(3, level, np.float32) for level in (0.8, 0.7, 0.6)]

    def laid(shadow):
        scene = Scene(backdrop=name, seed=seed, shadow=shadow)
        return placed(cutout.photo.pixels, cutout.alpha, scene, colours, (64, 80), pose).backdrop

    with_shadow, without = laid(1.0).astype(int), laid(0.0).astype(int)
    if name == "podium":  # which reflects the product
        return
    assert (with_shadow <= without).all()
    assert (without - with_shadow).max() > 15


LIGHTNESS, CHROMA = st.floats(0.1, 0.97), st.floats(0, 0.2)


@given(st.sampled_from(NAMES), LIGHTNESS, CHROMA, st.floats(0, 359), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_the_ground_stands_off_from_any_product_and_has_not_its_hue(
    name, lightness, chroma, hue, seed
):
    angle = np.radians(hue)
    lab = np.array([[lightness, chroma * np.cos(angle), chroma * np.sin(angle)]], np.float32)
    pixels = np.broadcast_to(from_oklab(in_gamut(lab)), (24, 24, 3))
    alpha = np.zeros((24, 24), np.float32)
    alpha[6:18, 6:18] = 1
    colours = suited(name, pixels, alpha, seed)
    behind = colours[: BACKDROPS[name].behind]
    assert min(contrast(colour, outline_colours(pixels, alpha)) for colour in behind) >= 1
    own = hue_of(pixels, alpha)
    if own is not None and BACKDROPS[name].hues is None:
        found = hue_of(np.broadcast_to(colours[0], (4, 4, 3)), np.ones((4, 4), np.float32))
        turn = BACKDROPS[name].tones[0].turn
        if found is not None:
            assert abs((found - turn - own + 180) % 360 - 180) > OWN_HUE - 12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("product", ["mug-harbour", "tee-sunday"])
def test_what_is_painted_beside_a_product_stands_off_from_it(engine, net, name, product):
    photo = decode(PHOTOS[product].read_bytes(), short_side=128, max_pixels=10**7)
    task, picture = rendered(engine, cut_out(photo, net), definition(name))
    alpha = task.source.product.small_alpha
    beside = to_cielab(surroundings(picture, alpha))
    apart = np.linalg.norm(to_cielab(picture) - beside, axis=-1)
    assert visibility(apart, outline_of(alpha)) >= 20


def test_colours_that_are_given_are_taken(engine):
    cutout = disc_photo()
    for more in (
        {"scene": {"colours": ("#00a000", "#008000")}},
        {"palette": ["#00a000", "#008000"]},
    ):
        source = source_for(cutout, staging_of(definition("dots", **more)))
        corner = source.pixels[:8, :8].mean(axis=(0, 1))
        assert corner[1] > 2 * max(corner[0], corner[2])


# True colours


@pytest.mark.parametrize("name", ["podium", "leaves", "fireworks"])
def test_a_product_in_a_scene_has_the_photos_colours_after_encoding(engine, net, name):
    photo = decode(
        PHOTOS["mug-harbour"].read_bytes(), short_side=128, output_side=384, max_pixels=10**7
    )
    task, picture = rendered(engine, cut_out(photo, net), definition(name))
    assert picture.shape == (384, 384, 3)
    product = task.source.product
    inside = product.alpha == 255
    assert inside.mean() > 0.1
    np.testing.assert_allclose(picture[inside].astype(int), product.colors[inside], atol=1)
    for kind in ("jpeg", "webp", "avif"):  # all of which keep colours at half the resolution
        read = np.asarray(Image.open(io.BytesIO(encode(picture, kind)[0])).convert("RGB"))
        found, own = (
            to_cielab(to_pixels(ndimage.uniform_filter(to_floats(pixels), (8, 8, 0))))
            for pixels in (read, picture)
        )
        whole = ndimage.binary_erosion(inside, iterations=4)
        assert np.linalg.norm(found[whole] - own[whole], axis=-1).mean() < 1


def test_a_product_that_is_placed_at_its_own_size_keeps_its_pixels(engine):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (100, 100, 3)).astype(np.uint8)
    alpha = np.zeros((100, 100), np.float32)
    alpha[13:87, 13:87] = 1
    photo = Photo(pixels, "0" * 64, None, None, None, ())
    cutout = Cutout(photo, alpha, None, 1.0, "test")
    _, picture = rendered(engine, cutout, definition("checks"))
    np.testing.assert_array_equal(picture[13:87, 13:87], pixels[13:87, 13:87])


def test_a_painted_product_is_painted_where_it_is_asked_for(engine):
    cutout = disc_photo()
    pictures = [
        rendered(engine, cutout, definition("checks", product_strength=strength))[1]
        for strength in (0.0, 0.5, 1.0)
    ]
    inside = to_pixels(cutout.alpha) == 255
    own, half, painted = (picture[inside].astype(int) for picture in pictures)
    assert np.abs(painted - own).mean() > 5
    assert 0 < np.abs(half - own).mean() < np.abs(painted - own).mean()


# What cannot be


def test_an_uncertain_matte_leaves_the_photo_whole(engine):
    cutout = disc_photo()
    doubtful = Cutout(cutout.photo, cutout.alpha, None, 0.3, "test")
    task, picture = rendered(engine, doubtful, definition(aspect="16:9"))
    assert UNCERTAIN in task.source.notes
    photo = cutout.photo
    assert picture.shape == photo.pixels.shape
    np.testing.assert_array_equal(task.source.pixels, to_floats(photo.pixels))


def test_a_backdrop_that_is_none_is_told_with_those_that_are():
    cutout = disc_photo()
    with pytest.raises(UnknownStyle, match=r"no backdrop 'nowhere'; there are: studio, .*hearts"):
        source_for(cutout, staging_of(definition("nowhere")))


SCENE = b'"scene": {"backdrop": "rays"%s}'
BASIC = b'{"weights": {"a": 1}, "ground": "scene", '


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"weights": {"a": 1}, "ground": "scene"}', "belong together"),
        (b'{"weights": {"a": 1}, "ground": "paper", ' + SCENE % b"" + b"}", "belong together"),
        (b'{"weights": {"a": 1}, "aspect": "1:1"}', "aspect '1:1' needs ground 'scene'"),
        (BASIC + SCENE % b"" + b', "aspect": "2:1"}', "Invalid enum value '2:1'"),
        (BASIC + SCENE % b', "colours": ["#ffffff"]' + b"}", "length >= 2"),
        (BASIC + SCENE % (b', "colours": [%s]' % b",".join([b'"#ffffff"'] * 6)) + b"}", "<= 5"),
        (BASIC + SCENE % b', "colours": ["red", "blue"]' + b"}", "matching regex"),
        (BASIC + SCENE % b', "fit": 0' + b"}", ">= 0.1"),
    ],
)
def test_scenes_that_cannot_be_are_refused_with_the_reason(text, reason):
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.json.decode(text, type=StyleDefinition)


def test_a_scene_is_a_styles_and_of_its_identity():
    style = Style(
        style_id="stage",
        label="Stage",
        weights={"watercolour": 1.0},
        ground="scene",
        scene=Scene(backdrop="podium", colours=("#ffffff", "#000000")),
        aspect="4:5",
    )
    read = msgspec.json.decode(msgspec.json.encode(style), type=Style)
    assert read == style
    assert read.definition.scene == style.scene
    other = msgspec.structs.replace(style.definition, aspect="1:1")
    assert style_sha256(other) != style_sha256(style.definition)


def test_styles_of_before_keep_their_identity():
    before = StyleDefinition(
        weights={"watercolour": 1.0}, ground="paper", product_strength=0.0, seed=3
    )
    assert (
        style_sha256(before) == "23b3e1ef2ef5ffb10dbfc77531f737f3beb3a838cf37cee5328f057be86937f4"
    )
