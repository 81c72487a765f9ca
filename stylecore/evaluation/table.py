"""The figures of a generator's evaluation as a table and as contact sheets.

FIGURES names the figures, says which direction is better and why a copy of the photo beats some of
them: a copy has no style at all, so a figure that it wins shows what that figure cannot measure.
`table` has a section per style and a row per painter, with footnotes where the copy wins; `sheets`
has a picture per style. markdown_table serves every report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.table import Table

from stylecore.evaluation.inputs import ORIGINALS, even_places, read_pixels, style_folder
from stylecore.evaluation.painters import COPY, OURS
from stylecore.imaging.contact_sheet import contact_sheet
from stylecore.imaging.photo import Pixels

Values = Mapping[str, float]
"""Figure to value; figures that do not apply are missing."""


@dataclass(frozen=True)
class Figure:
    """One column of the table; `copy_wins` is its footnote where the copy is better."""

    name: str
    title: str
    better: Literal["higher", "lower", "neither"]
    decimals: int
    says: str
    copy_wins: str


FIGURES = (
    Figure("artfid", "ArtFID", "lower", 2,
           "(1 + content distance) (1 + Frechet distance to the references), by SqueezeNet 1.0 in "
           "place of Inception and LPIPS: compare within a style only",
           "a copy pays nothing for content, and deep features see what is shown before they see "
           "how: a render has to near the references by more than its content costs"),
    Figure("progress", "progress", "higher", 2,
           "towards the references by Gram statistics: 0 the photo, 1 a real reference",
           "the copy has 0 by definition; below it the renders went away from the references, "
           "which is a shortfall of the style"),
    Figure("accuracy", "style", "higher", 2,
           "share nearest to the own style's references by Gram statistics",
           "photos lie by chance nearer to these references than to the other styles'"),
    Figure("recognised", "named", "higher", 2,
           "share that the product's own classifier names rightly",
           "the classifier takes photos for this style"),
    Figure("apart", "apart", "higher", 2,
           "share nearest to the own style's renders among the same painter's styles",
           "copies are alike in all styles and share the first place; a render below that is "
           "another style's double"),
    Figure("texture", "texture", "neither", 2,
           "Gram distance to the photo after both are made grey: 0 is a mere recolouring", ""),
    Figure("ssim", "SSIM", "higher", 2,
           "structural similarity of luma to the photo",
           "it counts every brush stroke as damage; a copy has 1 by definition"),
    Figure("retrieval", "found", "higher", 2,
           "share whose nearest photo, among all of them, is their own",
           "a copy is its own photo and is always found; few tones make products alike"),
    Figure("fine", "fine", "higher", 2,
           "correlation of the fine luminance inside the product with the photo's",
           "a copy keeps every thread; a style that draws washes or dots cannot"),
    Figure("lettering", "letters", "higher", 2,
           "share of characters, 14 to 50 px high on typeset pictures of 1,024 px, that a template "
           "reader reads",
           "nothing is drawn over the letters of a copy"),
    Figure("ground", "ground", "lower", 1,
           "Delta E of white ground from white or the style's paper, whichever is nearer",
           "the photo's ground is white already; paper in a colour has tooth"),
    Figure("uneven", "uneven", "lower", 1,
           "spread of that ground in LAB",
           "the photo's ground is even already"),
    Figure("checkerboard", "checker", "lower", 1,
           "spectral peak of upsampling grids over its surroundings in dB, less the photo's",
           "the difference to the photo is 0 for a copy; dots and hatching at 2 or 4 px count as "
           "a grid"),
    Figure("border", "border", "lower", 1,
           "step of the outermost 4 px in LAB units, less the photo's",
           "the difference to the photo is 0 for a copy; stronger contrast makes steps larger"),
    Figure("shift", "shift", "lower", 1,
           "mean change of 255 when the photo moves by 3 px, the move undone",
           "a copy moves with the photo; noise that stays in place does not"),
    Figure("ms", "ms", "lower", 0,
           "time a picture: the generator's median at 256 x 256, the others' mean as drawn", ""),
)  # fmt: skip
BY_NAME = {figure.name: figure for figure in FIGURES}
ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def won_by_copy(ours: Values, copy: Values) -> list[str]:
    """List the figures in which the copy beats the generator by more than rounding."""
    both = [figure for figure in FIGURES if figure.name in ours and figure.name in copy]
    return [figure.name for figure in both if _better(figure, copy, ours)]


def _better(figure: Figure, one: Values, other: Values) -> bool:
    margin = 0.5 * 10.0**-figure.decimals
    gain = one[figure.name] - other[figure.name]
    return {"higher": gain, "lower": -gain, "neither": 0.0}[figure.better] > margin


Rows = Mapping[str, Values]
"""Painter to figures."""


def table(styles: Mapping[str, Rows]) -> Table:
    """Build the table of style to painter to figures; marks the figures that the copy wins."""
    shown = shown_figures(styles)
    made = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="")
    made.add_column("style", no_wrap=True)
    made.add_column("painter", no_wrap=True)
    for figure in shown:
        title = f"{figure.title} {ARROWS[figure.better]}".rstrip()
        made.add_column(title, justify="right", no_wrap=True)
    marks = marks_of(styles)
    for style, rows in styles.items():
        won = won_by_copy(rows.get(OURS, {}), rows.get(COPY, {}))
        for place, (painter, values) in enumerate(rows.items()):
            noted = won if painter == COPY else ()
            cells = [
                f"{values[one.name]:.{one.decimals}f}{marks[one.name] if one.name in noted else ''}"
                if one.name in values
                else "-"
                for one in shown
            ]
            made.add_row(
                "" if place else style, painter, *cells, end_section=place == len(rows) - 1
            )
    return made


def shown_figures(styles: Mapping[str, Rows]) -> list[Figure]:
    """Select the figures that some row has."""
    there = {name for rows in styles.values() for values in rows.values() for name in values}
    return [figure for figure in FIGURES if figure.name in there]


def marks_of(styles: Mapping[str, Rows]) -> dict[str, str]:
    """Number the footnotes of the figures that the copy wins in some style."""
    won = {
        name
        for rows in styles.values()
        for name in won_by_copy(rows.get(OURS, {}), rows.get(COPY, {}))
    }
    names = [figure.name for figure in FIGURES if figure.name in won]
    return {name: str(n).translate(SUPERSCRIPTS) for n, name in enumerate(names, start=1)}


def footnotes(styles: Mapping[str, Rows]) -> list[str]:
    """Explain each mark, a line each, then each figure shown."""
    notes = [
        f"{mark} the copy is better at {BY_NAME[name].title}: {BY_NAME[name].copy_wins}."
        for name, mark in marks_of(styles).items()
    ]
    return [*notes, "", *(f"{f.title}: {f.says}." for f in shown_figures(styles))]


def mean_rows(styles: Mapping[str, Rows]) -> dict[str, dict[str, float]]:
    """Average each painter's figures over the styles that have them."""
    painters = dict.fromkeys(painter for rows in styles.values() for painter in rows)
    return {
        painter: means([rows.get(painter, {}) for rows in styles.values()]) for painter in painters
    }


def means(rows: Sequence[Values]) -> dict[str, float]:
    """Average each figure over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format rows as a Markdown table, without a line break at the end."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


ROWS = 10


def sheets(
    output: Path, stems: Sequence[str], painters: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Image.Image]]:
    """Yield each style's sheet; `painters` is style to painters. The photo stands for the copy."""
    for style, names in painters.items():
        drawn = [name for name in names if name != COPY]
        rows = [_row(output, stems[n], style, drawn) for n in even_places(len(stems), ROWS)]
        yield style, contact_sheet(rows, ["photo", *drawn])


def _row(output: Path, stem: str, style: str, painters: Sequence[str]) -> dict[str, Pixels]:
    row = {"photo": read_pixels(output / ORIGINALS / f"{stem}.png")}
    for painter in painters:
        row[painter] = read_pixels(style_folder(output, painter, style) / f"{stem}.png")
    return row
