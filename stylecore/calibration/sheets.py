"""The renders around a bound, to be judged by eye: eight a row, with their photo and their value.

The rows: good renders that fail, those nearest to the bound first; good ones that just pass; broken
ones that pass; broken ones that just fail. Only breakages that the figure answers for are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from stylecore.bounds import misses
from stylecore.calibration.broken import ANSWERABLE, GOOD, picture_of
from stylecore.calibration.choice import Table
from stylecore.calibration.drawn import Drawn
from stylecore.calibration.specimens import Specimen
from stylecore.imaging.photo import to_pixels

ROW, CELL, PHOTO, CAPTION, TITLE = 8, 160, 56, 16, 22
GROUND = "#efefef"


def around_bound(table: Table, found: Sequence[Specimen]) -> list[tuple[str, list[Specimen]]]:
    """Title and specimens of each row."""
    figure, bound = table.figure, table.chosen.bound

    def value(specimen: Specimen) -> float:
        return float(getattr(specimen.quality, figure))

    mine = [
        specimen
        for specimen in found
        if specimen.style == table.style and getattr(specimen.quality, figure) is not None
    ]
    good = [specimen for specimen in mine if specimen.kind == GOOD]
    broken = [specimen for specimen in mine if specimen.kind in ANSWERABLE[figure]]
    rows = []
    for name, some in (("good", good), ("broken", broken)):
        for wrong in (True, False) if name == "good" else (False, True):
            side = [s for s in some if misses(figure, value(s), bound) is wrong]
            nearest = sorted(side, key=lambda s: abs(value(s) - bound))[:ROW]
            rows.append((f"{name}, {'rejected' if wrong else 'passed'}: {len(side)}", nearest))
    return rows


def bound_sheet(table: Table, found: Sequence[Specimen], drawn: Drawn) -> Image.Image:
    """The four rows of a style's figure."""
    rows = around_bound(table, found)
    height = TITLE + len(rows) * (TITLE + CELL + CAPTION)
    sheet = Image.new("RGB", (ROW * CELL, height), GROUND)
    draw = ImageDraw.Draw(sheet)
    title = f"{table.style}: {table.figure}, bound {table.chosen.bound:g}"
    draw.text((4, 3), title, "black", ImageFont.load_default(15))
    for number, (name, specimens) in enumerate(rows):
        top = TITLE + number * (TITLE + CELL + CAPTION)
        draw.text((4, top + 3), name, "black", ImageFont.load_default(13))
        for place, specimen in enumerate(specimens):
            corner = (place * CELL, top + TITLE)
            sheet.paste(_cell(specimen, drawn), corner)
            caption = f"{getattr(specimen.quality, table.figure):.3f} {specimen.kind}"
            draw.text((corner[0] + 4, corner[1] + CELL), caption, "black", _small())
    return sheet


def _cell(specimen: Specimen, drawn: Drawn) -> Image.Image:
    """The render, its photo small in the lower right corner."""
    render = picture_of(specimen.kind, drawn, specimen.stem, specimen.style)
    photo = to_pixels(drawn.source(specimen.stem).pixels)
    cell = Image.new("RGB", (CELL, CELL), GROUND)
    cell.paste(ImageOps.contain(Image.fromarray(render), (CELL - 4, CELL - 4)), (2, 2))
    small = ImageOps.expand(ImageOps.contain(Image.fromarray(photo), (PHOTO, PHOTO)), 1, "black")
    cell.paste(small, (CELL - small.width - 2, CELL - small.height - 2))
    return cell


def _small() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(11)
