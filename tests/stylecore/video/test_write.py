"""Moving pictures come out of a file as they went in: all frames, their times, the loop."""

import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stylecore.errors import SettingsError
from stylecore.video.read import Bounds, Clip, NotAClip
from stylecore.video.write import ClipFile, is_clip, open_clip
from workers.demo.inputs import sample_products

BOUNDS = Bounds(pixels=10_000, frames=20)
MILLISECOND = Fraction(1, 1000)
KINDS = ("gif", "webp", "mp4")
SIZE = (61, 47)


def pictures(count):
    """A photo over which a dark square goes; the first two frames are the same."""
    photo = np.asarray(
        Image.open(sample_products()[0].image_uri).convert("RGB").resize(SIZE), np.uint8
    )
    for index in range(count):
        frame = photo.copy()
        frame[10:20, 3 * max(index, 1) :][:, :10] = 40
        yield frame


def write(path, durations, kind, loop=None, tick=MILLISECOND):
    file = ClipFile(path, Clip(kind, tick, loop, None, has_sound=False, frames=iter(())))
    for frame, ticks in zip(pictures(len(durations)), durations, strict=True):
        file.write(frame, ticks)
    file.keep()
    return path


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(
    durations=st.lists(
        st.integers(2, 90).map(lambda hundredths: 10 * hundredths), min_size=2, max_size=7
    )
)
def test_every_frame_is_kept_with_its_duration(tmp_path_factory, kind, durations):
    path = write(tmp_path_factory.mktemp("clip") / f"clip.{kind}", durations, kind)
    clip = open_clip(path, BOUNDS)
    frames = list(clip.frames)
    assert clip.count == len(durations)
    assert [frame.ticks * clip.tick for frame in frames] == [d * MILLISECOND for d in durations]
    for frame, given_frame in zip(frames, pictures(len(durations)), strict=True):
        shown = np.asarray(frame.picture, np.int16)[: SIZE[1], : SIZE[0]]
        assert np.abs(shown - given_frame).mean() < 6


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize("loop", [0, 3])
def test_the_loop_is_kept(tmp_path, kind, loop):
    path = write(tmp_path / f"clip.{kind}", [40, 40], kind, loop)
    assert open_clip(path, BOUNDS).loop == loop


def test_a_gif_that_plays_once_plays_once(tmp_path):
    assert open_clip(write(tmp_path / "clip.gif", [40, 40], "gif"), BOUNDS).loop is None


def test_a_video_keeps_its_clock(tmp_path):
    ntsc = Fraction(1, 30000)
    clip = open_clip(write(tmp_path / "clip.mp4", [1001] * 4, "mp4", tick=ntsc), BOUNDS)
    assert {frame.ticks * clip.tick for frame in clip.frames} == {Fraction(1001, 30000)}


def test_what_stands_still_in_a_gif_keeps_its_colours(tmp_path):
    frames = open_clip(write(tmp_path / "clip.gif", [40] * 6, "gif"), BOUNDS).frames
    shown = np.stack([np.asarray(frame.picture, np.int16) for frame in frames])
    assert np.abs(np.diff(shown, axis=0))[:, 22:].max() == 0


def test_a_still_picture_is_no_clip(tmp_path):
    for kind in ("gif", "webp"):
        assert is_clip(write(tmp_path / f"moves.{kind}", [40, 40], kind))
        Image.fromarray(next(pictures(1))).save(tmp_path / f"still.{kind}")
        assert not is_clip(tmp_path / f"still.{kind}")
    assert not is_clip(Path(sample_products()[0].image_uri))
    assert not is_clip(tmp_path / "nowhere.gif")


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_told(tmp_path, kind):
    path = write(tmp_path / f"clip.{kind}", [40] * 4, kind)
    with pytest.raises(NotAClip, match=rf"clip\.{kind}: it has more than 3 frames"):
        list(open_clip(path, Bounds(10_000, 3)).frames)
    with pytest.raises(NotAClip, match="are over 2000 pixels"):
        open_clip(path, Bounds(2000, 20))


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_clip_is_told_or_read_never_more(tmp_path, kind):
    # Written once: an encoder's bytes differ from run to run, which hypothesis takes for flakiness.
    whole = write(tmp_path / f"clip.{kind}", [40] * 4, kind).read_bytes()

    @settings(max_examples=6)
    @given(size=st.integers(0, len(whole) - 1))
    def check(size: int) -> None:
        path = tmp_path / f"broken.{kind}"
        path.write_bytes(whole[:size])
        with suppress(NotAClip):
            assert len(list(open_clip(path, BOUNDS).frames)) <= 4

    check()


def test_nothing_is_there_until_a_clip_is_kept(tmp_path):
    clip = Clip("webp", MILLISECOND, 0, None, has_sound=False, frames=iter(()))
    file = ClipFile(tmp_path / "clip.webp", clip)
    file.write(next(pictures(1)), 40)
    assert not (tmp_path / "clip.webp").exists()
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "clip.mp4", [40, 40], "mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SettingsError, match=r"stylecast\[video\]"):
        open_clip(path, BOUNDS)
