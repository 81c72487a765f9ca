"""Contact sheets of an evaluation, one a style: the photo and what each painter made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylecore.evaluation.folders import ORIGINALS, read_pixels, style_folder
from stylecore.evaluation.painters import COPY
from stylecore.imaging.contact_sheet import contact_sheet
from stylecore.imaging.photo import Pixels

ROWS = 10


def sheets(
    output: Path, stems: Sequence[str], painters: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Image.Image]]:
    """Style and its sheet; `painters` is style to painters. The photo stands for the copy."""
    places = np.linspace(0, len(stems) - 1, min(ROWS, len(stems))).round().astype(int)
    for style, names in painters.items():
        drawn = [name for name in names if name != COPY]
        rows = [_row(output, stems[place], style, drawn) for place in places]
        yield style, contact_sheet(rows, ["photo", *drawn])


def _row(output: Path, stem: str, style: str, painters: Sequence[str]) -> dict[str, Pixels]:
    row = {"photo": read_pixels(output / ORIGINALS / f"{stem}.png")}
    for painter in painters:
        row[painter] = read_pixels(style_folder(output, painter, style) / f"{stem}.png")
    return row
