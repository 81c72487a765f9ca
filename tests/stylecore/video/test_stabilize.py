"""Drawn clips are steady: still things stay, moving things follow, a cut begins anew."""

from pathlib import Path

import numpy as np
import pytest
from flicker import flicker

from schemas.events import StyleDefinition
from stylecore.imaging.foreground import has_plain_ground
from stylecore.imaging.photo import Photo, decode, to_floats, to_pixels
from stylecore.models import GENERATOR
from stylecore.rendering.draw import compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.video.stabilize import at_exposure_of, draw_clip, is_cut, motion, scene_frames
from workers.demo.inputs import sample_products

SIDE = 96
STYLES = ("van-gogh", "ink-line", "pop-art")


@pytest.fixture(scope="module")
def engine():
    return Engine(GENERATOR, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def photos():
    return [
        to_floats(decode(Path(p.image_uri).read_bytes(), short_side=SIDE, max_pixels=10**7).pixels)
        for p in sample_products()[:6]
    ]


def filmed(pictures, seed=0, noise=2.0):
    """The pictures as a camera sees them, with sensor noise of so many levels."""
    rng = np.random.default_rng(seed)
    for picture in pictures:
        grain = rng.normal(0, noise / 255, picture.shape)
        yield Photo(to_pixels((picture + grain).astype(np.float32)), "")


def moved(picture, columns):
    return np.roll(picture, columns, axis=1)


def drawn(engine, frames, styles=STYLES):
    def tasks_of(source):
        return {
            name: task_of(source, StyleDefinition(weights={name: 1.0}), engine.manifest)
            for name in styles
        }

    return list(draw_clip(engine, frames, tasks_of, batch_images=8))


def test_a_still_clip_flickers_less_than_its_noise_in_every_style(engine, photos):
    styles = [style.style_id for style in engine.manifest.styles]
    frames = list(filmed([photos[0]] * 4))
    pictures = drawn(engine, frames, styles)
    sources = [to_floats(frame.pixels) for frame in frames]
    for name in styles:
        renders = [to_floats(frame.pictures[name]) for frame in pictures]
        assert flicker(sources, renders) < 0.6, name


def test_still_ground_stays_while_the_product_slides(engine, photos):
    frames = list(filmed(moved(photos[0], 2 * step) for step in range(5)))
    pictures = drawn(engine, frames)
    sources = [to_floats(frame.pixels) for frame in frames]
    for name in STYLES:
        assert flicker(sources, [to_floats(f.pictures[name]) for f in pictures]) <= 1.3, name


def test_what_moves_leaves_nothing_behind(engine, photos):
    frames = [Photo(to_pixels(moved(photos[0], 4 * step)), "") for step in range(5)]
    last = drawn(engine, frames, ["ink-line"])[-1]
    definition = StyleDefinition(weights={"ink-line": 1.0})
    task = task_of(last.source, definition, engine.manifest)
    ((_, render),) = draw(engine, [task], 1)
    alone = to_floats(compose(task, render, engine))
    assert np.abs(alone - to_floats(last.pictures["ink-line"])).mean() < 2 / 255


def test_a_cut_begins_anew(engine, photos):
    one, other = (Photo(to_pixels(photo), "") for photo in (photos[0], photos[4]))
    pictures = drawn(engine, [one, one, other, other], ["van-gogh"])
    assert [frame.begins for frame in pictures] == [True, False, True, False]
    (alone,) = drawn(engine, [other], ["van-gogh"])
    np.testing.assert_array_equal(pictures[2].pictures["van-gogh"], alone.pictures["van-gogh"])


def test_two_photos_are_a_cut_and_a_steady_camera_or_light_is_none(photos):
    assert is_cut(photos[0], photos[4])
    for photo in photos:
        assert not is_cut(photo, moved(photo, 2))
        assert not is_cut(photo, photo * np.float32(0.8))
    blank = np.ones_like(photos[0])
    assert is_cut(photos[0], blank)
    assert not is_cut(blank, blank * np.float32(0.5))


def test_grid_noise_and_mask_are_the_scene_s_first(photos):
    frames = list(scene_frames(filmed([photos[0]] * 4)))
    assert len({frame.source.alignment for frame in frames}) == 1
    masks = [frame.source.mask for frame in frames]
    assert max(np.abs(mask - masks[0]).mean() for mask in masks) < 0.01


def test_one_odd_frame_does_not_take_the_ground_away(photos):
    dark = photos[0] * np.float32(0.45)
    frames = [Photo(to_pixels(photo), "") for photo in (photos[0], photos[0], dark, photos[0])]
    plain = [has_plain_ground(source_of(frame).mask) for frame in frames]
    assert plain == [True, True, False, True]
    assert all(has_plain_ground(f.source.mask) for f in scene_frames(frames) if not f.begins)


def test_light_is_no_motion_and_a_step_is(photos):
    for photo in photos:
        gain, offset = at_exposure_of(photo * np.float32(0.93), photo)
        assert motion(gain * photo + offset, photo * np.float32(0.93)).mean() < 0.05
        assert motion(photo, moved(photo, 3)).max() == pytest.approx(1, abs=1e-3)


def test_detail_at_full_size_is_steadied_too(engine, photos):
    large = np.repeat(np.repeat(to_pixels(photos[0]), 2, axis=0), 2, axis=1)
    rng = np.random.default_rng(1)
    noisy = [
        Photo(
            to_pixels(photos[0]),
            "",
            (large + rng.normal(0, 3, large.shape) + 0.5).clip(0, 255).astype(np.uint8),
        )
        for _ in range(4)
    ]
    pictures = drawn(engine, noisy, ["van-gogh"])
    sources = [to_floats(photo.large) for photo in noisy]
    assert flicker(sources, [to_floats(f.pictures["van-gogh"]) for f in pictures]) < 0.6


def test_flicker_of_a_clip_against_itself_is_one_and_of_a_still_render_none(photos):
    frames = [to_floats(photo.pixels) for photo in filmed([photos[0]] * 3)]
    assert flicker(frames, frames) == pytest.approx(1)
    assert flicker(frames, [frames[0]] * 3) == 0
    assert flicker([frames[0]] * 3, frames) == float("inf")
    with pytest.raises(ValueError, match="nothing stands still"):
        flicker(frames[:1], frames[:1])
