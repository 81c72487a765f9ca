"""A contact sheet: pictures in rows, styles in columns, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from stylecore.images import Pixels

CELL, GAP, HEADER = 200, 6, 28
GROUND = "#efefef"


def contact_sheet(
    rows: Iterable[Mapping[str, Pixels]], columns: Sequence[str], cell: int = CELL
) -> Image.Image:
    """Each row's pictures under the names of their columns; what lacks stays empty."""
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
