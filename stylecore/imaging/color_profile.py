"""Convert pictures to sRGB by their colour profiles, as viewers show them, with LittleCMS.

Of several statements the strongest counts, as the PNG specification orders them: code points
(cICP, or AVIF's nclx where there is no ICC profile), an ICC profile, the sRGB chunk, gAMA with
cHRM. The conversion is relative colorimetric with black point compensation. A profile that is
broken, of another colour space or no profile of a device is passed over with a note. CMYK without
a profile is converted by formula, as browsers do. What is not done: tone mapping of HDR (PQ, HLG).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from stylecore.arrays import Doubles

CONVERTED = "profile-converted"
"""Note: a colour profile changed what the picture looks like."""
IGNORED = "profile-ignored"
"""Note: a colour profile is broken or does not fit, and was passed over."""
ASSUMED = "cmyk-without-profile"
"""Note: CMYK was converted by formula."""
SAME = 1.0
"""Mean difference in levels up to which a converted picture, as one of sRGB, is the same."""
MAX_PROFILE_BYTES = 16_000_000
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's mode to ICC's signature of the colour space."""
_CLASSES = ("mntr", "scnr", "prtr", "spac")
"""ICC's device classes that say what colours a picture has."""
_PNG = b"\x89PNG\r\n\x1a\n"

_D65, _DCI = (0.3127, 0.3290), (0.314, 0.351)
_PRIMARIES = {
    1: (_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    5: (_D65, (0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: (_DCI, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Code points of ITU-T H.273: white, red, green and blue in CIE xy."""
_SRGB = 1 / 2.4
_EXPONENTS = {1: _SRGB, 6: _SRGB, 13: _SRGB, 14: _SRGB, 15: _SRGB, 4: 1 / 2.2, 5: 1 / 2.8, 8: 1.0}
"""Code points of transfer: the exponent of encoding. What a camera coded by BT.709 is shown as
sRGB."""
_UNSPECIFIED = 2
_GAMMA_OF_SRGB, _NEAR = 0.45455, 0.005
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50 = np.array([0.9642, 1.0, 0.8249])


class Stated(NamedTuple):
    """What the bytes of a file say about its colours beside what Pillow reads."""

    data: bytes
    """The file; of a PNG without its ICC profile, which Pillow would unpack without our bound."""
    profile: bytes | None
    """An ICC profile to go by in place of the one that Pillow finds."""
    is_srgb: bool
    notes: tuple[str, ...]


def stated_colours(data: bytes) -> Stated:
    """Return what a PNG or AVIF says about its colours, never raising."""
    if data.startswith(_PNG):
        return _of_png(data)
    if data[4:8] == b"ftyp" and (at := data.find(b"colrnclx", 0, 10_000)) > 0:
        codes = data[at + 8 : at + 12]
        if len(codes) == 4:
            return _of_codes(data, *struct.unpack(">HH", codes))
    return Stated(data, None, is_srgb=False, notes=())


def to_srgb(picture: Image.Image, stated: Stated | None = None) -> tuple[Image.Image, list[str]]:
    """Convert 8-bit RGB or RGBA samples to sRGB; return the picture and notes. Alpha is kept."""
    colours, alpha = _parted(picture)
    notes = list(stated.notes) if stated else []
    profile = (stated.profile if stated else None) or picture.info.get("icc_profile")
    converted = None
    if profile and not (stated and stated.is_srgb):
        converted = _converted(colours, bytes(profile))
        if converted is None:
            notes.append(IGNORED)
        elif _differs(converted, colours):
            notes.append(CONVERTED)
    if converted is None:
        if colours.mode == "CMYK":
            notes.append(ASSUMED)
        converted = colours.convert("RGB")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, list(dict.fromkeys(notes))


def _parted(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the picture in a mode of _SPACES, and its alpha."""
    alpha = None
    if picture.has_transparency_data:
        grey = picture.mode in ("1", "L", "LA", "La")
        picture = picture.convert("L") if picture.mode == "1" else picture
        picture = picture.convert("LA" if grey else "RGBA")
        alpha = picture.getchannel("A")
        picture = picture.convert("L" if grey else "RGB")
    if picture.mode in _SPACES:
        return picture, alpha
    return picture.convert("L" if picture.mode == "1" else "RGB"), alpha


def _converted(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the picture in sRGB; None where the profile is none for it."""
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    try:
        transform = _transform(profile, picture.mode)
        return None if transform is None else transform.apply(picture)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, MemoryError):
        return None


def _differs(converted: Image.Image, colours: Image.Image) -> bool:
    """Return whether the profile changes how the picture looks, judged by a thumbnail."""
    size = (64, 64)
    found = np.asarray(converted.resize(size, Image.Resampling.BOX), np.float32)
    plain = np.asarray(colours.resize(size, Image.Resampling.BOX).convert("RGB"), np.float32)
    return bool(np.abs(found - plain).mean() > SAME)


@lru_cache(maxsize=4)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    known = opened.profile
    if str(known.xcolor_space).strip() != _SPACES[mode] or known.device_class not in _CLASSES:
        return None
    return ImageCms.ImageCmsTransform(
        opened,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _of_png(data: bytes) -> Stated:
    found: dict[bytes, bytes] = {}
    kept = [data[: len(_PNG)]]
    end = len(_PNG)
    for name, start, body in _chunks(data):
        found.setdefault(name, body)
        end = start + 12 + len(body)
        if name != b"iCCP":
            kept.append(data[start:end])
    rest = b"".join([*kept, data[end:]]) if b"iCCP" in found else data
    notes: tuple[str, ...] = ()
    if len(codes := found.get(b"cICP", b"")) == 4:
        stated = _of_codes(rest, codes[0], codes[1])
        if stated.is_srgb or stated.profile:
            return stated
        notes = stated.notes
    if b"iCCP" in found:
        profile = _unpacked(found[b"iCCP"])
        return Stated(rest, profile, is_srgb=False, notes=() if profile else (IGNORED,))
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) != 4:
        return Stated(rest, None, is_srgb=False, notes=notes)
    return _of_gamma(rest, found[b"gAMA"], found.get(b"cHRM", b""))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield name, place and body of a PNG's chunks before its pixels."""
    at = len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if name in (b"IDAT", b"IEND") or at + 12 + length > len(data):
            return
        yield name, at, data[at + 8 : at + 8 + length]
        at += 12 + length


def _unpacked(body: bytes) -> bytes | None:
    """Return the profile in an iCCP chunk; None where it is broken or too large."""
    _, _, packed = body.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unpacker.eof else None


def _of_codes(data: bytes, primaries: int, transfer: int) -> Stated:
    if _UNSPECIFIED in {primaries, transfer}:
        return Stated(data, None, is_srgb=False, notes=())
    if primaries not in _PRIMARIES or transfer not in _EXPONENTS:
        return Stated(data, None, is_srgb=False, notes=(IGNORED,))
    if primaries == 1 and _EXPONENTS[transfer] == _SRGB:
        return Stated(data, None, is_srgb=True, notes=())
    points = np.array(_PRIMARIES[primaries])
    profile = _matrix_profile(points, _EXPONENTS[transfer])
    return Stated(data, profile, is_srgb=False, notes=())


def _of_gamma(data: bytes, gamma: bytes, chromaticities: bytes) -> Stated:
    exponent = int.from_bytes(gamma, "big") / 100_000
    points = np.array(_PRIMARIES[1])
    if len(chromaticities) == 32:
        points = np.array(struct.unpack(">8I", chromaticities)).reshape(4, 2) / 100_000
    if not 0.1 <= exponent <= 5 or not _is_gamut(points):
        return Stated(data, None, is_srgb=False, notes=(IGNORED,))
    if abs(exponent - _GAMMA_OF_SRGB) < _NEAR:
        exponent = _SRGB
        if np.abs(points - np.array(_PRIMARIES[1])).max() < _NEAR:
            return Stated(data, None, is_srgb=True, notes=())
    return Stated(data, _matrix_profile(points, exponent), is_srgb=False, notes=())


def _is_gamut(points: Doubles) -> bool:
    """Return whether white, red, green and blue in CIE xy span colours."""
    if points.min() < 0 or points.max() > 1 or min(points[0]) < 0.05:
        return False
    (red, green, blue) = points[1:]
    area = (green - red)[0] * (blue - red)[1] - (green - red)[1] * (blue - red)[0]
    return bool(abs(area) > 1e-3)


def _matrix_profile(points: Doubles, exponent: float) -> bytes:
    """Return an ICC profile (ICC.1:2022) of white, red, green and blue in xy and one tone curve.

    The exponent is that of encoding; that of sRGB brings sRGB's whole curve.
    """
    xyz = np.column_stack([points, 1 - points.sum(axis=1)])
    white = xyz[0] / xyz[0, 1]
    columns = xyz[1:].T * np.linalg.solve(xyz[1:].T, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ columns
    if exponent == _SRGB:
        curve = struct.pack(
            ">4sIHH5i", b"para", 0, 3, 0, *_fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        )
    else:
        curve = struct.pack(">4sIHHi", b"para", 0, 0, 0, *_fixed(1 / exponent))
    tags = {
        b"wtpt": _xyz(_D50),
        **{
            name: _xyz(column)
            for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)
        },
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at, table, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, at + len(bodies), len(body))
        bodies += body
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x",
        at + len(bodies), b"lcms", 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp", *_fixed(*_D50),
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + bodies


def _xyz(values: Doubles) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *_fixed(*values))


def _fixed(*values: float) -> list[int]:
    """Encode as ICC's s15Fixed16Number."""
    return [round(float(value) * 65536) for value in values]
