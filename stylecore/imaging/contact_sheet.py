"""Contact sheets: pictures in rows, styles in columns; and photos by folder.

`DIR/<category>/<photo>` gives each photo the category of its folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from stylecore.errors import SettingsError
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES
from stylecore.imaging.photo import Pixels

CELL, GAP, HEADER = 200, 6, 28
GROUND = "#efefef"
PAGE_ROWS = 50


def contact_sheet(
    rows: Iterable[Mapping[str, Pixels]], columns: Sequence[str], cell: int = CELL
) -> Image.Image:
    """Return each row's pictures under the names of their columns; what lacks stays empty."""
    pictures_by_row = list(rows)
    pitch = cell + GAP
    size = (len(columns) * pitch + GAP, HEADER + len(pictures_by_row) * pitch)
    sheet = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for column, name in enumerate(columns):
        draw.text((GAP + column * pitch, 6), name, "black", font)
        for row, pictures in enumerate(pictures_by_row):
            if name in pictures:
                picture = ImageOps.contain(Image.fromarray(pictures[name]), (cell, cell))
                left = GAP + column * pitch + (cell - picture.width) // 2
                top = HEADER + row * pitch + (cell - picture.height) // 2
                sheet.paste(picture, (left, top))
    return sheet


def contact_sheets(
    rows: Iterable[Mapping[str, Pixels]], columns: Sequence[str]
) -> Iterator[Image.Image]:
    """Yield pages of PAGE_ROWS rows, as `contact_sheet`; of a page only small pictures are kept."""
    small = (
        {
            name: np.asarray(ImageOps.contain(Image.fromarray(pixels), (CELL, CELL)))
            for name, pixels in row.items()
        }
        for row in rows
    )
    while page := list(islice(small, PAGE_ROWS)):
        yield contact_sheet(page, columns)


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo's file and the name of its folder."""

    path: Path
    category: str


def labelled_photos(folder: Path) -> list[LabelledPhoto]:
    """Return all photos of the category folders in `folder`, by category and name.

    Raises SettingsError when there is none.
    """
    found = [
        LabelledPhoto(path, path.parent.name)
        for path in sorted(folder.glob("*/*"))
        if path.suffix.lower() in PICTURE_SUFFIXES
    ]
    if not found:
        raise SettingsError(f"photos: none in category folders of {folder}")
    return found
