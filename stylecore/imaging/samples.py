"""Convert deep samples to 8 bits: 16-bit grey, TIFF's inks, 12 bits in 16, a transparent level.

Pillow reads 16-bit colour as its high bytes. Formats that cannot be read correctly are refused by
name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylecore.errors import Permanent

SCALED = "samples-scaled"
"""Note: the samples fill only the low bits of 16, and were scaled up."""
_BITS, _COMPRESSION, _PHOTOMETRIC, _HIGHEST, _PLANAR = 258, 259, 262, 281, 284
"""Tags of TIFF."""
_UNCOMPRESSED, _SEPARATE = 1, 2
_FEWER_BITS = (8, 10, 12)
_DEEP = 16


class UnreadSamples(Permanent):
    """The picture has samples that are not read; the message names them."""


def check_samples(opened: Image.Image) -> None:
    """Raises UnreadSamples for what Pillow would show wrong."""
    if opened.mode == "F":
        raise UnreadSamples("the photo's samples are floating-point numbers: save 8 or 16 bits")
    if opened.mode == "I":
        raise UnreadSamples(
            "the photo's samples are signed or 32-bit integers: save 8 or 16 bits without sign"
        )
    planar = _tag(opened, _PLANAR) == _SEPARATE and _tag(opened, _COMPRESSION) == _UNCOMPRESSED
    if planar and opened.mode != "I;16" and _tag(opened, _BITS) == _DEEP:
        raise UnreadSamples("an uncompressed planar TIFF of 16 bits: save it chunky, or in 8 bits")


def eight_bits(picture: Image.Image, opened: Image.Image, depth: int) -> tuple[Image.Image, bool]:
    """Return the picture in samples of 8 bits, and whether it was scaled up.

    `opened` is the file, with its tags; `depth` the bits of a PNG's sample, 0 for other files.
    """
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I;16"):
        return _from_sixteen(picture, opened, transparent)
    if _DEEP in {depth, _tag(opened, _BITS)} and picture.mode in ("RGB", "RGBA"):
        _check_filled(picture.convert("RGB"))
    if transparent is not None and picture.mode in ("L", "RGB"):
        picture = picture.copy()
        if picture.mode == "L" and 1 < depth < 8:
            picture.info["transparency"] = transparent * 255 // (2**depth - 1)
        elif picture.mode == "RGB" and depth == _DEEP:
            picture.info["transparency"] = tuple(level >> 8 for level in transparent)
    return picture, False


def png_depth(data: bytes) -> int:
    """Read the bits of a PNG's sample; 0 for other files."""
    return data[24] if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 24 else 0


def _check_filled(picture: Image.Image) -> None:
    """Raises UnreadSamples where the high bytes are nearly empty: 12 bits in 16."""
    highest = int(np.asarray(picture).max())
    if 0 < highest < 2 ** (_FEWER_BITS[-1] - 8):
        raise UnreadSamples(
            "the photo's 16-bit colours fill only the low 12 bits: scale them up, or save 8 bits"
        )


def _from_sixteen(
    picture: Image.Image, opened: Image.Image, transparent: int | None
) -> tuple[Image.Image, bool]:
    levels = np.asarray(picture).astype(np.uint16, copy=False)
    most = _most(levels, opened)
    shown = np.minimum(np.arange(2**_DEEP) * (255 / most) + 0.5, 255).astype(np.uint8)
    if _tag(opened, _PHOTOMETRIC) == 0:
        shown = 255 - shown
    grey = Image.fromarray(shown[levels])
    if transparent is not None:
        opaque = np.where(levels == transparent, np.uint8(0), np.uint8(255))
        grey.putalpha(Image.fromarray(opaque))
    if profile := picture.info.get("icc_profile"):
        grey.info["icc_profile"] = profile
    return grey, most < 2**_DEEP - 1


def _most(levels: NDArray[np.uint16], opened: Image.Image) -> int:
    """Return white's level: as the tags say, or the most of the fewest bits that hold all."""
    bits, highest = _tag(opened, _BITS), _tag(opened, _HIGHEST)
    if bits is not None and 0 < bits < _DEEP:
        return (1 << bits) - 1
    found = int(levels.max(initial=0))
    if highest is not None and found <= highest < 2**_DEEP:
        return max(highest, 1)
    bits = next((bits for bits in _FEWER_BITS if found < 2**bits), _DEEP)
    return (1 << bits) - 1


def _tag(opened: Image.Image, number: int) -> int | None:
    """Read a whole number of a TIFF, the first of several; None for other files and values."""
    value = getattr(opened, "tag_v2", {}).get(number)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else None
