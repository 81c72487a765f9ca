"""ICC profiles written by hand for tests, and what colours they mean, by formula."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])
SRGB_TO_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""Lindbloom, Bradford-adapted."""
MATRICES = {
    "display-p3": [
        [0.51512, 0.291977, 0.157104],
        [0.241196, 0.692245, 0.0665741],
        [-0.00105286, 0.0418854, 0.784073],
    ],
    "adobe-rgb": [
        [0.6097559, 0.2052401, 0.1492240],
        [0.3111242, 0.6256560, 0.0632197],
        [0.0194811, 0.0608902, 0.7448387],
    ],
    "prophoto": [
        [0.7976749, 0.1351917, 0.0313534],
        [0.2880402, 0.7118741, 0.0000857],
        [0.0, 0.0, 0.8252100],
    ],
}
GAMMAS = {"display-p3": None, "adobe-rgb": 563 / 256, "prophoto": 1.8}
"""None: the curve of sRGB."""
INKS = {0: (95, 0, 0), 1: (55, -35, -50), 2: (50, 72, -5), 4: (88, -5, 90), 8: (15, 0, 0)}
"""CIE Lab of paper, cyan, magenta, yellow and black alone, by the bit of each ink."""


def rgb_profile(name: str) -> bytes:
    """A matrix profile."""
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), np.array(MATRICES[name]).T, strict=True)
    tags = {b"wtpt": _xyz(D50), **{tag: _xyz(column) for tag, column in columns}}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(GAMMAS[name]))
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """Grey of one gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def cmyk_profile(device: bytes = b"prtr") -> bytes:
    """Four inks by a table of two steps each; what is not in INKS is nearly black."""
    points = [INKS.get(bits, (12, 0, 0)) for bits in (_bits(index) for index in range(16))]
    table = b"".join(
        struct.pack(">3H", round(652.8 * light), 256 * (a + 128), 256 * (b + 128))
        for light, a, b in points
    )
    ramp = struct.pack(">2H", 0, 65535)
    body = struct.pack(
        ">4sI4B9i2H", b"mft2", 0, 4, 3, 2, 0, *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536), 2, 2
    )
    lut = body + ramp * 4 + table + ramp * 3
    return _profile(device, b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": lut})


def shown(levels: Numbers, name: str) -> Numbers:
    """sRGB 0-255 of the levels 0-255 of a profile of rgb_profile, by formula."""
    coded = levels / 255
    gamma = GAMMAS[name]
    linear = (
        np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
        if gamma is None
        else coded**gamma
    )
    return _coded(linear @ (np.linalg.inv(SRGB_TO_D50) @ np.array(MATRICES[name])).T)


def shown_grey(level: float, gamma: float) -> Numbers:
    """sRGB 0-255 of a level 0-255 of grey."""
    return _coded(np.array([(level / 255) ** gamma] * 3))


def lab_of(srgb: Numbers) -> Numbers:
    """CIE Lab (D50) of sRGB 0-255."""
    coded = srgb / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    ratio = (linear @ SRGB_TO_D50.T) / D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def _coded(linear: Numbers) -> Numbers:
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _bits(index: int) -> int:
    """The table runs the last ink fastest."""
    return sum(1 << ink for ink in range(4) if index >> (3 - ink) & 1)


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    at, table, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x", at + len(bodies), b"test", 0x02400000, device, space,
        connection, b"acsp", *(round(65536 * value) for value in D50),
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + bodies


def _xyz(values: Numbers) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(65536 * float(value)) for value in values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return struct.pack(">4sIIH", b"curv", 0, 1, round(256 * gamma))
    coded = np.linspace(0, 1, 1024)
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return struct.pack(
        ">4sII1024H", b"curv", 0, 1024, *np.round(65535 * linear).astype(int).tolist()
    )
