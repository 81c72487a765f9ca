"""Deep, inverted, planar and transparent samples are shown right, or refused by name."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from hostile.pictures import SIGNATURE, chunk, file_of
from PIL import Image

from stylecore.imaging.photo import NotAPhoto, Photo, decode
from stylecore.imaging.samples import SCALED


def load(data: bytes) -> Photo:
    return decode(data, short_side=48, max_pixels=1_000_000)


def halves(left, right, kind="u1", channels=1):
    """[48, 64] or [48, 64, channels]."""
    levels = np.full((48, 64), left, kind)
    levels[:, 32:] = right
    return levels if channels == 1 else np.stack([levels] * channels, axis=-1)


def png(levels, depth: int, colour: int, transparent: bytes) -> bytes:
    if depth == 16:
        rows = levels.astype(">u2").reshape(len(levels), -1).view(np.uint8)
    else:
        bits = np.unpackbits(levels.astype(np.uint8)[..., None], axis=2)[..., -depth:]
        rows = np.packbits(bits.reshape(len(levels), -1), axis=1)
    header = struct.pack(">IIBBBBB", levels.shape[1], len(levels), depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    ends = chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"tRNS", transparent) + ends


def tiff(levels, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, levels, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "level"),
    [
        (png(halves(0, 40_000, "u2"), 16, 0, struct.pack(">H", 0)), 156),
        (png(halves(1000, 40_000, "u2", 3), 16, 2, struct.pack(">HHH", 1000, 1000, 1000)), 156),
        (png(halves(0, 1), 1, 0, struct.pack(">H", 1)), 0),
        (png(halves(1, 2), 2, 0, struct.pack(">H", 1)), 170),
        (png(halves(3, 10), 4, 0, struct.pack(">H", 3)), 170),
        (png(halves(7, 100), 8, 0, struct.pack(">H", 7)), 100),
    ],
    ids=["grey 16", "colour 16", "grey 1", "grey 2", "grey 4", "grey 8"],
)
def test_a_transparent_level_is_clear_at_every_depth(data, level):
    photo = load(data)
    clear, solid = (58, 5) if level == 0 else (5, 58)
    assert (photo.alpha[20, clear], photo.alpha[20, solid]) == (0, 255)
    assert (photo.pixels[20, clear] == 255).all()
    assert np.abs(photo.pixels[20, solid].astype(int) - level).max() < 2


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_grey_is_shown_whichever_end_is_white(kind, photometric, compression):
    most = np.iinfo(kind).max
    levels = halves(most // 5, most // 2, kind)
    found = load(tiff(levels, photometric=photometric, compression=compression)).pixels[20]
    wanted = [204, 127] if photometric == "miniswhite" else [51, 127]
    assert np.abs(found[[5, 58], 0].astype(int) - wanted).max() < 2


@pytest.mark.parametrize("most", [255, 1023, 4095])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_fewer_bits_in_sixteen_are_scaled_with_a_note(photometric, most):
    levels = halves(most // 5, most, "u2")
    for data in (tiff(levels, photometric=photometric), file_of(Image.fromarray(levels))):
        photo = load(data)
        inverted = data[:2] == b"II" and photometric == "miniswhite"
        wanted = [204, 0] if inverted else [51, 255]
        assert np.abs(photo.pixels[20, [5, 58], 0].astype(int) - wanted).max() < 3
        assert photo.notes == (SCALED,)


def test_the_highest_level_of_a_tiff_is_white():
    data = tiff(halves(4000, 16_383, "u2"), extratags=[(281, "H", 1, 16_383, True)])
    photo = load(data)
    assert np.abs(photo.pixels[20, [5, 58], 0].astype(int) - [62, 255]).max() < 2
    assert photo.notes == (SCALED,)


def test_twelve_bits_that_fill_sixteen_are_left():
    photo = load(file_of(Image.fromarray(halves(16 * 800, 16 * 4095, "u2"))))
    assert np.abs(photo.pixels[20, [5, 58], 0].astype(int) - [50, 255]).max() < 2
    assert photo.notes == ()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [3, 4])
def test_planes_apart_are_the_same_picture(channels, compression):
    colours = np.concatenate(
        [halves(30, 200)[..., None], halves(90, 10)[..., None], halves(250, 60)[..., None]], axis=-1
    )
    if channels == 4:
        colours = np.concatenate([colours, halves(0, 255)[..., None]], axis=-1)
    options = {"photometric": "rgb", "compression": compression}
    options |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    apart = np.ascontiguousarray(np.moveaxis(colours, -1, 0))
    together = load(tiff(colours, planarconfig="contig", **options))
    separate = load(tiff(apart, planarconfig="separate", **options))
    assert (together.pixels == separate.pixels).all()
    assert (together.pixels[20, 58] == [200, 10, 60]).all()
    assert (together.alpha is None) == (channels == 3)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (tiff(halves(0.1, 0.9, "f4")), "floating-point"),
        (tiff(halves(8000, 32_000, "i4")), "signed or 32-bit"),
        (tiff(halves(8000, 2**31, "u4")), "signed or 32-bit"),
        (tiff(halves(-5, 3000, "i2")), "signed or 32-bit"),
        (
            tiff(
                np.stack([halves(3000, 40_000, "u2")] * 3),
                photometric="rgb",
                planarconfig="separate",
            ),
            "planar TIFF of 16 bits",
        ),
        (tiff(halves(500, 4000, "u2", 3), photometric="rgb"), "fill only the low 12 bits"),
        (png(halves(500, 4000, "u2", 3), 16, 2, bytes(6)), "fill only the low 12 bits"),
        (tiff(halves(0.1, 0.9, "f8")), "a TIFF or a camera's raw file"),
    ],
    ids=["F", "I", "unsigned I", "signed", "planar 16", "tiff 12", "png 12", "double"],
)
def test_what_is_not_read_right_is_refused_by_name(data, named):
    with pytest.raises(NotAPhoto, match=named):
        load(data)
