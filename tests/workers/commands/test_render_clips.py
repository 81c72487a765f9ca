"""`stylecast render` of moving pictures: one clip a style, of the same kind and length."""

from fractions import Fraction

import numpy as np
from command_line import stylecast
from PIL import Image

from stylecore.video.read import Bounds, Clip
from stylecore.video.write import ClipFile, open_clip
from workers.demo.inputs import sample_products

BOUNDS = Bounds(10**7, 600)


def film(path, durations):
    """A photo that slides a little, in the kind that the path's name says."""
    photo = np.asarray(Image.open(sample_products()[0].image_uri).convert("RGB").resize((64, 64)))
    kind = path.suffix[1:]
    file = ClipFile(path, Clip(kind, Fraction(1, 1000), 0, None, False, iter(())))
    for step, ticks in enumerate(durations):
        file.write(np.roll(photo, step, axis=1), ticks)
    file.keep()
    return path


def test_every_style_of_a_clip_is_a_clip_of_its_kind_and_timing(tmp_path):
    durations = [40, 120, 80]
    clips = [film(tmp_path / f"of-{kind}.{kind}", durations) for kind in ("gif", "webp", "mp4")]
    done = stylecast(
        "render", *clips, "--style", "van-gogh", "--no-gate", "--output", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    for path in clips:
        drawn = open_clip(tmp_path / "out" / "van-gogh" / path.name, BOUNDS)
        times = [frame.ticks * drawn.tick * 1000 for frame in drawn.frames]
        assert times == durations
    assert (tmp_path / "out" / "contact-sheet.jpg").stat().st_size > 10_000


def test_a_rejected_style_is_told_and_not_written(tmp_path):
    clip = film(tmp_path / "clip.gif", [40, 40])
    flags = (clip, "--style", "neon", "--output", tmp_path / "out")
    done = stylecast("render", *flags, STYLECAST_STYLIZE__MINIMUM_STRUCTURE="0.9999")
    assert "rejected: clip.gif in neon: frame 1: structure" in done.stderr
    assert list((tmp_path / "out" / "neon").iterdir()) == []


def test_too_many_frames_are_one_line(tmp_path):
    clip = film(tmp_path / "clip.gif", [40, 40, 40])
    flags = (clip, "--style", "neon", "--output", tmp_path / "out")
    failed = stylecast("render", *flags, STYLECAST_PHOTOS__MAX_FRAMES="2")
    assert failed.returncode == 1
    (line,) = failed.stderr.strip().splitlines()
    assert "clip.gif: it has more than 2 frames" in line


def fading(path, shares):
    """A photo that fades in from white."""
    photo = Image.open(sample_products()[0].image_uri).convert("RGB").resize((128, 128))
    white = Image.new("RGB", photo.size, "white")
    frames = [Image.blend(white, photo, share) for share in shares]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    return path


def test_a_clip_that_fades_in_is_judged_by_its_first_full_frame(tmp_path):
    clip = fading(tmp_path / "fade.gif", (0, 0.2, 0.6, 0.97, 1))
    done = stylecast("render", clip, "--style", "watercolour", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    drawn = open_clip(tmp_path / "out" / "watercolour" / "fade.gif", BOUNDS)
    assert len(list(drawn.frames)) == 5
    sheet = np.asarray(Image.open(tmp_path / "out" / "contact-sheet.jpg").convert("L"))
    assert sheet[60:200, 20:190].std() > 20  # the full frame, not the white one


def test_a_clip_that_shows_nothing_is_named(tmp_path):
    clip = tmp_path / "blank.gif"
    frames = [Image.new("RGB", (64, 64), (level,) * 3) for level in (255, 250, 240)]
    frames[0].save(clip, save_all=True, append_images=frames[1:], duration=100)
    done = stylecast("render", clip, "--style", "watercolour", "--output", tmp_path / "out")
    assert done.returncode == 1
    assert "blank.gif: it shows nothing" in done.stderr
