"""Any photo becomes an upright RGB picture of the working size, or is refused with a reason."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylecore.imaging.photo import MAX_ASPECT, MIN_SIDE, NotAPhoto, decode, encode, working_size

RED, BLUE = (220, 20, 20), (20, 20, 220)


def left_red_right_blue(width=80, height=40) -> Image.Image:
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def file_of(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def load(data: bytes, short_side: int = 40, max_pixels: int = 1_000_000) -> np.ndarray:
    return decode(data, short_side=short_side, max_pixels=max_pixels).pixels


def is_close(pixel, colour) -> bool:
    return np.abs(pixel.astype(int) - colour).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_common_formats_are_read(kind):
    pixels = load(file_of(left_red_right_blue(), kind))
    assert pixels.shape == (40, 80, 3)
    assert is_close(pixels[20, 5], RED)
    assert is_close(pixels[20, 75], BLUE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose members that turn upright back
    stored = left_red_right_blue()
    if orientation in undo:
        stored = stored.transpose(list(Image.Transpose)[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = load(file_of(stored, "JPEG", exif=exif, quality=95))
    assert pixels.shape == (40, 80, 3)
    assert is_close(pixels[20, 5], RED)


def half_of(colour, other, mode="RGB", size=(50, 50)) -> Image.Image:
    """The left half in one colour."""
    picture = Image.new(mode, size, other)
    picture.paste(colour, (0, 0, size[0] // 2, size[1]))
    return picture


def test_transparency_is_laid_on_white_and_kept():
    photo = decode(
        file_of(half_of((0, 0, 0, 0), (*RED, 255), "RGBA", (100, 100))),
        short_side=40,
        max_pixels=10_000,
        output_side=80,
    )
    assert (photo.pixels[20, 5] == 255).all()
    assert is_close(photo.pixels[20, 35], RED)
    assert photo.alpha.shape == (40, 40)
    assert (photo.alpha[20, 5], photo.alpha[20, 35]) == (0, 255)
    assert (photo.large_alpha[40, 10], photo.large_alpha[40, 70]) == (0, 255)


def test_an_alpha_that_is_opaque_all_over_is_none():
    assert (
        decode(file_of(half_of(RED, BLUE, "RGBA")), short_side=40, max_pixels=10_000).alpha is None
    )


def test_palette_with_transparency_cmyk_grey_and_sixteen_bits_become_rgb():
    palette = half_of(0, 1, "P")
    palette.putpalette([*RED, *BLUE])
    assert is_close(load(file_of(palette))[10, 10], RED)
    assert (load(file_of(palette, transparency=0))[10, 10] == 255).all()
    inks = half_of((0, 0, 0, 0), (0, 255, 0, 0), "CMYK")
    assert is_close(load(file_of(inks, "JPEG"))[5, 5], 255)
    assert is_close(load(file_of(half_of(128, 20, "L")))[5, 5], (128,) * 3)
    sixteen = Image.fromarray(np.asarray(half_of(128, 20, "L")).astype(np.uint16) * 257)
    assert is_close(load(file_of(sixteen))[5, 5], (128,) * 3)


def disc(colour, share=1.0) -> Image.Image:
    """A square that has faded in from white by a share."""
    square = Image.new("RGB", (64, 64), "white")
    square.paste(colour, (16, 16, 48, 48))
    return Image.blend(Image.new("RGB", (64, 64), "white"), square, share)


def animation(frames, kind="GIF", **options) -> bytes:
    return file_of(frames[0], kind, save_all=True, append_images=frames[1:], **options)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame_that_is_full_is_taken(kind):
    def middle(*frames):
        return load(animation(frames, kind), short_side=64)[32, 32]

    assert is_close(middle(disc(RED), disc(BLUE)), RED)
    assert is_close(middle(*(disc(RED, share) for share in (0, 0.3, 0.7, 1, 1))), RED)
    clear = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    if kind != "GIF":
        assert is_close(middle(clear, disc(RED).convert("RGBA")), RED)


def test_frames_beyond_the_bound_of_pixels_are_not_read():
    faded = animation([disc(RED, share) for share in (0.5, 1)])
    photo = decode(faded, short_side=64, max_pixels=64 * 64)
    assert is_close(photo.pixels[32, 32], np.asarray(disc(RED, 0.5))[32, 32])


def test_the_pages_of_a_tiff_are_no_animation():
    pages = animation([disc(RED, 0.5), disc(RED)], "TIFF")
    assert is_close(load(pages, 64)[32, 32], np.asarray(disc(RED, 0.5))[32, 32])


def speck(size) -> Image.Image:
    picture = Image.new("RGB", size, "white")
    picture.putpixel((1, 1), (0, 0, 0))
    return picture


@pytest.mark.parametrize(
    "data",
    [
        file_of(Image.new("RGB", (1, 1), RED)),
        file_of(Image.new("P", (1, 1)), "GIF", transparency=0),
        file_of(Image.new("RGB", (300, 200), BLUE), "JPEG"),
        file_of(Image.new("L", (300, 200), 255)),
        file_of(speck((800, 800))),
        file_of(Image.new("RGBA", (300, 200), (0, 0, 0, 0))),
        file_of(half_of((*RED, 0), (*BLUE, 0), "RGBA")),
        animation([Image.new("RGB", (50, 50), "white"), Image.new("RGB", (50, 50), (252,) * 3)]),
        file_of(Image.fromarray(np.full((60, 60), 300, np.uint16))),
    ],
)
def test_what_shows_nothing_is_refused(data):
    with pytest.raises(NotAPhoto, match="the photo shows nothing"):
        load(data)


def test_a_pale_product_is_shown():
    pale = Image.new("RGB", (200, 200), "white")
    pale.paste((240, 240, 240), (80, 80, 120, 120))
    assert load(file_of(pale)).min() < 245


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no readable photo"),
        (b"this is a text", "no readable photo"),
        (b"%PDF-1.7 not a photo", "no readable photo"),
        (file_of(left_red_right_blue())[:60], "no readable photo"),
        (file_of(left_red_right_blue(400, 400), "JPEG")[:700], "no readable photo"),
        (file_of(Image.new("L", (1100, 1000))), "over the limit of 1000000"),
    ],
)
def test_what_is_no_photo_within_bounds_is_refused_with_a_reason(data, reason):
    with pytest.raises(NotAPhoto, match=reason):
        load(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
@given(st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of each broken tag
def test_broken_bytes_are_a_photo_or_refused_and_nothing_else(kind, data):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    broken = bytearray(file_of(left_red_right_blue(), kind, exif=exif))
    for place in data.draw(st.lists(st.integers(0, len(broken) - 1), max_size=6)):
        broken[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NotAPhoto):
        assert load(bytes(broken)).shape[2] == 3


def test_a_photo_whose_exif_is_broken_is_refused():
    exif = Image.Exif()
    exif[0x0100], exif[0x0112] = 80, 6
    whole = file_of(left_red_right_blue(), "JPEG", exif=exif)
    as_number, as_text = struct.pack(">HH", 0x0100, 4), struct.pack(">HH", 0x0100, 2)
    assert as_number in whole
    with pytest.raises(NotAPhoto, match="required argument is not an integer"):
        load(whole.replace(as_number, as_text))


def test_a_sliver_and_a_few_pixels_become_working_pictures():
    sliver = half_of(RED, BLUE, size=(2000, 40))
    assert load(file_of(sliver)).shape == (MIN_SIDE, 40 * MAX_ASPECT, 3)
    assert load(file_of(half_of(RED, BLUE, size=(2, 2)))).shape == (40, 40, 3)


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("pixels were decoded"))
    with pytest.raises(NotAPhoto, match="over the limit"):
        load(file_of_header_only(), max_pixels=10)


def file_of_header_only() -> bytes:
    """A PNG whose header promises more than there is."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0" * 4


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(32, 512))
def test_the_working_size_keeps_the_aspect_within_bounds(width, height, short_side):
    new_width, new_height = working_size((width, height), short_side)
    assert min(new_width, new_height) <= short_side
    assert max(new_width, new_height) <= MAX_ASPECT * short_side
    assert min(new_width, new_height) >= MIN_SIDE
    if max(width, height) <= MAX_ASPECT * min(width, height):
        assert min(new_width, new_height) == short_side


@pytest.mark.parametrize("kind", ["webp", "jpeg", "avif"])
def test_a_picture_is_written_in_the_wanted_format(kind):
    y, x = np.mgrid[0:64, 0:48]
    pixels = np.stack([3 * y, 4 * x, 255 - 2 * y], axis=2).astype(np.uint8)
    data, media_type = encode(pixels, kind)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format.lower(), media_type) == (kind, f"image/{kind}")
        apart = np.asarray(picture.convert("RGB"), int) - pixels
    assert np.abs(apart).mean() < 3


@pytest.mark.parametrize("kind", ["webp", "jpeg", "avif"])
def test_a_transparent_picture_keeps_its_alpha_in_any_format(kind):
    pixels = np.full((32, 32, 4), 200, np.uint8)
    pixels[:16, :, 3] = 0
    data, _ = encode(pixels, kind)
    alpha = np.asarray(Image.open(io.BytesIO(data)).getchannel("A"))
    assert alpha[4:12].max() < 10
    assert alpha[20:28].min() > 190


def test_a_written_picture_reads_back_nearly_the_same():
    pixels = np.asarray(left_red_right_blue())
    data, media_type = encode(pixels)
    assert media_type == "image/webp"
    assert np.abs(load(data).astype(int) - pixels).mean() < 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "CMYK", "I;16"])
def test_a_picture_much_larger_than_wanted_is_the_same_made_smaller_first(mode):
    large = left_red_right_blue(800, 400)
    if mode in ("RGBA", "LA"):
        large.putalpha(half_of(0, 255, "L", large.size))
    if mode == "I;16":
        large = Image.fromarray(np.asarray(large.convert("L")).astype(np.uint16) * 257)
    else:
        large = large.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 3
    data = file_of(large, "TIFF", exif=exif)
    small = decode(data, short_side=40, max_pixels=10**6)
    whole = decode(data, short_side=400, max_pixels=10**6)
    for left in (0, 40):  # half of the picture each: palettes and bits are dithered
        found = small.pixels[:, left + 5 : left + 35].mean(axis=(0, 1))
        there = whole.pixels[:, 10 * left + 50 : 10 * left + 350].mean(axis=(0, 1))
        assert np.abs(found - there).max() < 3
    if mode in ("RGBA", "LA"):
        assert (small.alpha[20, 5], small.alpha[20, 75]) == (255, 0)
