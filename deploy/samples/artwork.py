"""The larger prints of the sample catalogue: labels, covers and fronts of single products.

What this module does not know: the shape that a picture will be wrapped around.
"""

from __future__ import annotations

from materials import Picture
from patterns import bands, plain, stripes, wood, zigzag
from prints import label, lettered, round_badge, sunrise

WRAP = (1600, 560)

SQUARE = (900, 900)

OAK = wood((900, 500), "#d9b483", "#a8743f", 5)

WALNUT = wood((900, 500), "#8a5a36", "#4f2f1b", 6, 7)


def mesa() -> Picture:
    base = bands(
        (1600, 900),
        "#c4693d",
        [(0.2, 0.26, "#2c2320"), (0.58, 0.64, "#2c2320"), (0.26, 0.58, "#ecd9b4")],
    )
    return zigzag(zigzag(base, "#2c2320", 0.42, 14, 0.2, 16), "#b9482a", 0.42, 14, 0.08, 8)


def tonic() -> Picture:
    base = label(plain((1500, 600), "#f3e9d0"), (0.33, 0.08, 0.67, 0.92), "#f9f2df", "#7a3b12")
    base = lettered(base, "TONIC", "#7a3b12", 0.19, (0.5, 0.4), 4)
    return lettered(base, "No. 12", "#2a2320", 0.1, (0.5, 0.68), 2)


def olive() -> Picture:
    base = bands((1300, 700), "#fbf5e4", [(0, 0.09, "#4d6b2c"), (0.91, 1, "#4d6b2c")])
    base = lettered(base, "OLIVA", "#4d6b2c", 0.16, (0.5, 0.34), 4)
    return round_badge(base, (0.5, 0.66), 0.12, ("#4d6b2c", "#a9bd5f"))


def fig() -> Picture:
    base = label(plain((1500, 480), "#26323a"), (0.34, 0.06, 0.66, 0.94), "#f6efe2", "#8a3f5f")
    return lettered(base, "FIG", "#8a3f5f", 0.36, (0.5, 0.5), 5)


def block(letter: str, colour: str) -> Picture:
    base = label(plain((500, 500), "#dcb98a"), (0.08, 0.08, 0.92, 0.92), "#f7e9cf", colour)
    return lettered(base, letter, colour, 0.62, (0.5, 0.5), 10)


def seven() -> Picture:
    base = round_badge(plain((1200, 340), "#2f9e8f"), (0.46, 0.46), 0.36, ("#fdf6e3",))
    return lettered(base, "7", "#d9402f", 0.5, (0.46, 0.46), 7)


def chest() -> Picture:
    base = label(plain((630, 700), "#9fb7c9"), (0.14, 0.12, 0.86, 0.56), "#f4ead2", "#d9402f")
    base = lettered(base, "RX", "#27406b", 0.26, (0.5, 0.34), 7)
    for i, colour in enumerate(("#d9402f", "#f5cd3a", "#4fa65b")):
        base = round_badge(base, (0.26 + 0.24 * i, 0.75), 0.07, (colour,))
    return base


def radio_front() -> Picture:
    base = stripes((1180, 630), ("#e9dcc0", "#cdb98f"), 63)
    base = label(base, (0.5, 0.1, 0.95, 0.5), "#fdf5df", "#7a4a2a")
    return lettered(base, "CADET", "#7a2d1d", 0.13, (0.725, 0.3), 3)


def tides() -> Picture:
    base = sunrise(plain((640, 940), "#123a5c"), (0.5, 0.66), 0.19, "#f2a33a", "#8fd0d6")
    base = lettered(base, "THE BOOK\nOF TIDES", "#f7ecd2", 0.09, (0.5, 0.2), 3)
    return lettered(base, "A. Marlow", "#8fd0d6", 0.045, (0.5, 0.37), 1)
