"""A JPEG without its end is taken where all its pixels are there, and refused where some lack."""

import io

import numpy as np
import pytest
from PIL import Image

from stylecore.imaging.file_kinds import END, TRUNCATED
from stylecore.imaging.photo import NotAPhoto, decode
from workers.demo.inputs import sample_products

KINDS = {
    "plain": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 4},
    "grey": {"mode": "L"},
    "inks": {"mode": "CMYK"},
    "fine": {"quality": 97, "subsampling": 0},
}


def jpeg(mode="RGB", grey_ground=False, size=(300, 200), **options) -> bytes:
    picture = Image.open(sample_products()[0].image_uri).convert("RGB").resize(size)
    if grey_ground:
        picture.paste((128, 128, 128), (0, 150, *size))
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def load(data: bytes, short_side: int = 64):
    return decode(data, short_side=short_side, max_pixels=10_000_000)


@pytest.mark.parametrize("short_side", [24, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_without_its_end_marker_it_is_the_same_picture_with_a_note(kind, short_side):
    whole = jpeg(**KINDS[kind])
    assert whole.endswith(END)
    wanted = load(whole, short_side)
    assert TRUNCATED not in wanted.notes
    for cut in (whole[:-2], whole[:-1], whole[:-2] + bytes(5000)):
        found = load(cut, short_side)
        assert (found.pixels == wanted.pixels).all()
        assert TRUNCATED in found.notes


@pytest.mark.parametrize("end", [b"", END, bytes(5000)], ids=["cut", "with an end", "with zeros"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("kind", ["plain", "restarts", "grey", "inks", "fine"])
def test_what_lacks_pixels_is_refused(kind, share, end):
    whole = jpeg(**KINDS[kind])
    with pytest.raises(NotAPhoto, match="truncated JPEG"):
        load(whole[: int(share * len(whole))] + end)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_progressive_one_that_lacks_scans_is_refused(share):
    whole = jpeg(progressive=True)
    with pytest.raises(NotAPhoto, match="truncated JPEG"):
        load(whole[: int(share * len(whole))])
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    with pytest.raises(NotAPhoto, match="truncated JPEG"):
        load(whole[: scans[-1]])


def test_a_photo_that_ends_in_grey_is_whole():
    whole = jpeg(grey_ground=True)
    found = load(whole)
    assert np.abs(found.pixels[-1, -1].astype(int) - 128).max() < 3
    assert found.notes == ()
    assert load(whole[:-2]).notes == (TRUNCATED,)


def test_the_end_of_a_preview_is_not_the_end_of_the_photo():
    preview = jpeg(size=(60, 40))
    exif = b"Exif\0\0" + preview
    whole = jpeg()
    both = whole[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + whole[2:]
    assert load(both[:-2]).notes == (TRUNCATED,)
    with pytest.raises(NotAPhoto, match="truncated JPEG"):
        load(both[: len(both) // 2 + 2000])


def test_what_lacks_whole_restart_intervals_is_refused():
    whole = jpeg(restart_marker_blocks=4)
    scan = whole.index(b"\xff\xda")
    restarts = [
        at for at in range(scan, len(whole)) if whole[at] == 0xFF and 0xD0 <= whole[at + 1] < 0xD8
    ]
    for at in (restarts[len(restarts) // 2], restarts[-1]):
        for end in (b"", END):
            with pytest.raises(NotAPhoto, match="truncated JPEG"):
                load(whole[:at] + end)
