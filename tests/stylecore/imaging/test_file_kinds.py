"""A file that is no photo is named by what its bytes look like."""

import pytest
from hostile.pictures import file_of
from PIL import Image

from stylecore.imaging.file_kinds import is_video, kind_of
from stylecore.imaging.photo import NotAPhoto, decode


def iso(*brands: bytes) -> bytes:
    """The beginning of an ISO base media file."""
    box = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (len(box) + 4).to_bytes(4, "big") + box + bytes(100)


NAMED = {
    "a PDF": b"%PDF-1.7\n",
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "an HTML page": b"\n<!DOCTYPE html><html><head><title>404</title>",
    "an XML or HTML text": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "a JSON text": b'{"error": "not found"}',
    "a text": b"not found",
    "an MP4 or QuickTime video": iso(b"isom", b"mp42"),
    "a HEIC picture": iso(b"heic", b"mif1"),
    "a HEIF picture": iso(b"mif1", b"miaf"),
    "a ZIP archive or an office document": b"PK\x03\x04" + bytes(30),
    "a Photoshop document": b"8BPS\0\1" + bytes(30),
    "a JPEG XL picture": b"\xff\x0a" + bytes(30),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
    "a macOS resource fork": b"\0\x05\x16\x07" + bytes(30),
    "nothing but zero bytes": bytes(100),
    "an empty file": b"",
    "an unknown kind": b"\x7fELF\x02\x01\x01" + bytes(100),
}


@pytest.mark.parametrize("kind", NAMED)
def test_the_error_names_what_the_bytes_look_like_and_what_to_do(kind):
    with pytest.raises(NotAPhoto, match=f"this is {kind}.*none of JPEG.*AVIF.*save it as one"):
        decode(NAMED[kind], short_side=64, max_pixels=10_000)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of each broken tag
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("JPEG", "a JPEG"),
        ("PNG", "a PNG"),
        ("GIF", "a GIF"),
        ("WEBP", "a WebP"),
        ("BMP", "a BMP"),
        ("TIFF", "a TIFF or a camera's raw file"),
        ("AVIF", "an AVIF"),
        ("JPEG2000", "a JPEG 2000 picture"),
    ],
)
def test_a_broken_file_of_a_kind_that_is_read_is_named(kind, name):
    picture = Image.linear_gradient("L").convert("RGB")
    data = file_of(picture, kind)
    assert kind_of(data) == name
    assert decode(data, short_side=64, max_pixels=100_000).pixels.shape == (64, 64, 3)
    with pytest.raises(NotAPhoto, match="no readable photo"):
        decode(data[:20], short_side=64, max_pixels=100_000)


def test_videos_are_told_from_pictures_in_the_same_container():
    assert is_video(iso(b"isom", b"avc1"))
    assert is_video(iso(b"qt  "))
    assert not is_video(iso(b"heic"))
    assert not is_video(iso(b"avif", b"mif1"))
    assert not is_video(iso(b"crx "))
    assert not is_video(b"")
