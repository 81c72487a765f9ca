"""Pictures look as in a viewer, whatever their colour profile; a broken one is passed over."""

import random
import struct
from collections import Counter
from contextlib import closing

import numpy as np
import pytest
from colour_profiles import (
    INKS,
    cmyk_profile,
    grey_profile,
    lab_of,
    rgb_profile,
    shown,
    shown_grey,
)
from hostile.pictures import chunk, file_of
from PIL import Image, ImageCms

from stylecore.evaluation.inputs import read
from stylecore.imaging.color_profile import ASSUMED, CONVERTED, IGNORED, MAX_PROFILE_BYTES
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.decoder_process import Limits
from stylecore.imaging.photo import Photo, decode
from stylecore.poster.logo import decode_logo
from stylecore.video.read import Bounds, read_animation

CHERRY, MOSS, SLATE, PAPER = (190, 30, 60), (90, 140, 70), (70, 80, 110), (235, 225, 210)
SAVED = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def quarters(colours, mode="RGB") -> Image.Image:
    """Four fields of 32 pixels square."""
    picture = Image.new(mode, (64, 64))
    for place, colour in enumerate(colours):
        left, top = 32 * (place % 2), 32 * (place // 2)
        picture.paste(colour, (left, top, left + 32, top + 32))
    return picture


RGB = quarters((CHERRY, MOSS, SLATE, PAPER))


def load(data: bytes) -> Photo:
    return decode(data, short_side=64, max_pixels=1_000_000)


def fields(pixels) -> np.ndarray:
    """[4, 3], the middles of the quarters."""
    found = np.asarray(pixels).astype(float)
    return np.array([found[16, 16], found[16, 48], found[48, 16], found[48, 48]])[:, :3]


def apart(found, wanted) -> float:
    return float(np.linalg.norm(lab_of(found) - lab_of(np.asarray(wanted, float)), axis=-1).max())


@pytest.mark.parametrize("name", ["display-p3", "adobe-rgb", "prophoto"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_of_rgb_is_shown_in_srgb(kind, name):
    data = file_of(RGB, kind, icc_profile=rgb_profile(name), **SAVED.get(kind, {}))
    photo = load(data)
    wanted = shown(fields(RGB), name)
    rounded = 1 if kind == "AVIF" else 0  # its chroma, at 8 bits, even at its best quality
    assert apart(fields(photo.pixels), wanted) < 2 + rounded
    assert apart(fields(RGB), wanted) > 5
    assert photo.notes == (CONVERTED,)


def test_a_profile_of_srgb_changes_nothing_and_is_not_noted():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = load(file_of(RGB, icc_profile=srgb))
    assert np.abs(fields(photo.pixels) - fields(RGB)).max() <= 1
    assert photo.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_shown_as_their_profile_says_and_not_inverted(kind):
    inks = quarters([(0, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (255, 0, 0, 0)], "CMYK")
    options = SAVED.get(kind, {})
    photo = load(file_of(inks, kind, icc_profile=cmyk_profile(), **options))
    found = lab_of(fields(photo.pixels))
    wanted = [INKS[2], INKS[4]]
    assert np.linalg.norm(found[1:3] - wanted, axis=-1).max() < 6  # the black point moves a little
    assert found[0, 0] > 93
    assert photo.notes == (CONVERTED,)
    plain = load(file_of(inks, kind, **options))
    assert plain.notes == (ASSUMED,)
    formula = [(255, 255, 255), (255, 0, 255), (255, 255, 0), (0, 255, 255)]
    assert np.abs(fields(plain.pixels) - formula).max() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_profile_of_grey_is_shown_in_srgb(kind):
    grey = quarters([20, 90, 160, 240], "L")
    photo = load(file_of(grey, kind, icc_profile=grey_profile(1.0), **SAVED.get(kind, {})))
    wanted = [shown_grey(level, 1.0) for level in (20, 90, 160, 240)]
    assert apart(fields(photo.pixels), wanted) < 2


def test_sixteen_bits_of_grey_keep_their_profile():
    levels = np.asarray(quarters([20, 90, 160, 240], "L")).astype(np.uint16) * 257
    data = file_of(Image.fromarray(levels), "PNG", icc_profile=grey_profile(1.0))
    wanted = [shown_grey(level, 1.0) for level in (20, 90, 160, 240)]
    assert apart(fields(load(data).pixels), wanted) < 2


def test_alpha_stays_as_it_is():
    rgba = RGB.copy()
    rgba.putalpha(quarters([0, 80, 160, 255], "L"))
    for kind in ("PNG", "WEBP"):
        options = {**SAVED.get(kind, {}), "icc_profile": rgb_profile("display-p3")}
        logo = decode_logo(file_of(rgba, kind, **options)).image
        assert [logo.getpixel(at)[3] for at in ((16, 16), (48, 16), (16, 48), (48, 48))] == [
            0,
            80,
            160,
            255,
        ]
        assert apart(fields(logo)[1:], shown(fields(RGB), "display-p3")[1:]) < 3


def test_palettes_have_profiles_too():
    data = file_of(RGB.quantize(4), "PNG", icc_profile=rgb_profile("prophoto"))
    assert apart(fields(load(data).pixels), shown(fields(RGB), "prophoto")) < 2.5


def test_photos_in_the_decoder_logos_clips_and_figures_are_read_alike(tmp_path):
    wanted = shown(fields(RGB), "prophoto")
    profile = rgb_profile("prophoto")
    data = file_of(RGB, "PNG", icc_profile=profile)
    limits = Limits(max_pixels=1_000_000, seconds=5, short_side=64)
    with closing(Decoder(limits, 1)) as decoder:
        assert apart(fields(decoder.decode(data).pixels), wanted) < 2
    assert apart(fields(decode_logo(data).image), wanted) < 2
    (tmp_path / "a.png").write_bytes(data)
    assert apart(fields(read(tmp_path / "a.png")), wanted) < 2
    frames = [RGB, RGB.rotate(180)]
    clip = tmp_path / "a.webp"
    frames[0].save(
        clip, save_all=True, append_images=frames[1:], lossless=True, icc_profile=profile
    )
    shown_frames = [frame.picture for frame in read_animation(clip, Bounds(10_000, 10)).frames]
    assert len(shown_frames) == 2
    assert apart(fields(shown_frames[0]), wanted) < 2


BROKEN = {
    "noise": bytes(range(256)) * 4,
    "empty": b"\0",
    "cut": rgb_profile("prophoto")[:300],
    "no tags": rgb_profile("prophoto")[:128] + bytes(4),
    "of grey": grey_profile(2.2),
    "of inks": cmyk_profile(),
    "an abstract one": rgb_profile("prophoto").replace(b"mntr", b"abst", 1),
    "a device link": rgb_profile("prophoto").replace(b"mntr", b"link", 1),
    "tags without end": rgb_profile("prophoto")[:128] + b"\xff" * 400,
    "far too large": rgb_profile("prophoto") + bytes(MAX_PROFILE_BYTES),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_profile_that_is_broken_or_does_not_fit_is_passed_over_with_a_note(kind, name):
    if kind == "JPEG" and name == "far too large":
        pytest.skip("a JPEG holds no more than 16 MB")
    options = SAVED.get(kind, {})
    photo = load(file_of(RGB, kind, icc_profile=BROKEN[name], **options))
    assert apart(fields(photo.pixels), fields(RGB)) < 2
    assert photo.notes == (IGNORED,)


def with_chunk(*chunks: bytes) -> bytes:
    whole = file_of(RGB)
    return whole[:33] + b"".join(chunks) + whole[33:]


def test_a_profile_that_does_not_unpack_is_passed_over():
    photo = load(with_chunk(chunk(b"iCCP", b"profile\0\0not zlib")))
    assert apart(fields(photo.pixels), fields(RGB)) < 1
    assert photo.notes == (IGNORED,)


@pytest.mark.parametrize(
    ("codes", "name"), [((12, 13, 0, 1), "display-p3"), ((1, 13, 0, 1), None), ((2, 2, 0, 1), None)]
)
def test_code_points_of_a_png_are_shown(codes, name):
    wanted = fields(RGB) if name is None else shown(fields(RGB), name)
    profile = file_of(RGB, icc_profile=rgb_profile("prophoto"))
    beside = profile[33 : profile.index(b"IDAT") - 4]
    photo = load(with_chunk(chunk(b"cICP", bytes(codes))))
    assert apart(fields(photo.pixels), wanted) < 2
    if codes[0] != 2:  # they come before the profile
        stronger = load(with_chunk(chunk(b"cICP", bytes(codes)), beside))
        assert apart(fields(stronger.pixels), wanted) < 2


def test_high_dynamic_range_is_noted():
    assert load(with_chunk(chunk(b"cICP", bytes((9, 16, 0, 1))))).notes == (IGNORED,)


def test_code_points_of_an_avif_are_shown():
    data = file_of(RGB, "AVIF", **SAVED["AVIF"])
    at = data.index(b"colrnclx") + 8
    p3 = data[:at] + struct.pack(">H", 12) + data[at + 2 :]
    assert apart(fields(load(p3).pixels), shown(fields(RGB), "display-p3")) < 3
    assert apart(fields(load(data).pixels), fields(RGB)) < 3


def gamma_of(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 * value)))


def test_gamma_and_chromaticities_of_a_png_are_shown():
    points = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    p3 = chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in points)))
    assert (
        apart(
            fields(load(with_chunk(gamma_of(0.45455), p3)).pixels), shown(fields(RGB), "display-p3")
        )
        < 2
    )
    linear = load(with_chunk(gamma_of(1.0))).pixels
    assert (
        apart(
            fields(linear),
            [[shown_grey(level, 1.0)[0] for level in field] for field in fields(RGB)],
        )
        < 2
    )
    srgb = chunk(b"sRGB", b"\0")
    for same in ((gamma_of(0.45455),), (srgb, gamma_of(1.0)), (p3,)):
        assert apart(fields(load(with_chunk(*same)).pixels), fields(RGB)) < 1


@pytest.mark.parametrize("value", [0, 0.00001, 40_000])
def test_a_gamma_that_is_none_is_passed_over(value):
    photo = load(with_chunk(gamma_of(value), chunk(b"cHRM", bytes(32))))
    assert apart(fields(photo.pixels), fields(RGB)) < 1
    assert photo.notes == (IGNORED,)


def test_it_is_upright_as_well():
    exif = Image.Exif()
    exif[0x0112] = 3
    data = file_of(RGB, "JPEG", icc_profile=rgb_profile("prophoto"), exif=exif, **SAVED["JPEG"])
    turned = fields(RGB)[::-1]
    assert apart(fields(load(data).pixels), shown(turned, "prophoto")) < 2


def test_bent_profiles_are_heeded_or_passed_over_and_nothing_else():
    chance = random.Random(1)
    kinds = {"RGB": rgb_profile("prophoto"), "L": grey_profile(1.8), "CMYK": cmyk_profile()}
    notes = Counter()
    for _ in range(300):
        mode, profile = chance.choice(list(kinds.items()))
        bent = bytearray(profile)
        for _ in range(chance.choice((1, 3, 10))):
            bent[chance.randrange(len(bent))] = chance.choice((0, 1, 127, 128, 255))
        data = file_of(RGB.convert(mode), "JPEG", icc_profile=bytes(bent))
        notes.update(decode(data, short_side=64, max_pixels=10_000).notes)
    assert notes[CONVERTED] > 30
    assert notes[IGNORED] > 30


def test_a_grey_picture_with_a_profile_of_colours_is_shown_as_it_is():
    grey = quarters([20, 90, 160, 240], "L")
    photo = load(file_of(grey, "PNG", icc_profile=rgb_profile("prophoto")))
    assert np.abs(fields(photo.pixels)[:, 0] - [20, 90, 160, 240]).max() < 2
    assert photo.notes == (IGNORED,)
