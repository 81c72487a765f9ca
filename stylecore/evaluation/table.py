"""The figures: their names, which way is better, and why a copy of the photo wins some of them.

A copy is no style at all, so a figure that it wins says what that figure cannot see.

The figures as a table: a section a style, a row a painter, footnotes where the copy wins.

Contact sheets of an evaluation, one a style: the photo and what each painter made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.table import Table

from stylecore.evaluation.inputs import ORIGINALS, read_pixels, style_folder
from stylecore.evaluation.painters import COPY, OURS
from stylecore.imaging.contact_sheet import contact_sheet
from stylecore.imaging.photo import Pixels

Values = Mapping[str, float]
"""Figure to value; a figure that does not apply is left out."""


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


def won_by_copy(ours: Values, copy: Values) -> list[str]:
    """The figures in which the copy is better than the generator, by more than rounding."""
    both = [figure for figure in FIGURES if figure.name in ours and figure.name in copy]
    return [figure.name for figure in both if _better(figure, copy, ours)]


def _better(figure: Figure, one: Values, other: Values) -> bool:
    margin = 0.5 * 10.0**-figure.decimals
    gain = one[figure.name] - other[figure.name]
    return {"higher": gain, "lower": -gain, "neither": 0.0}[figure.better] > margin


Rows = Mapping[str, Values]
"""Painter to figures."""


def table(styles: Mapping[str, Rows]) -> Table:
    """Of style to painter to figures. The copy's mark is on the figure that it wins."""
    shown = shown_figures(styles)
    made = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="")
    made.add_column("style", no_wrap=True)
    made.add_column("painter", no_wrap=True)
    for figure in shown:
        made.add_column(f"{figure.title} {_arrow(figure)}".rstrip(), justify="right", no_wrap=True)
    marks = marks_of(styles)
    for style, rows in styles.items():
        won = won_by_copy(rows.get(OURS, {}), rows.get(COPY, {}))
        for place, (painter, values) in enumerate(rows.items()):
            noted = won if painter == COPY else ()
            cells = [
                _cell(figure, values, marks if figure.name in noted else {}) for figure in shown
            ]
            made.add_row(
                "" if place else style, painter, *cells, end_section=place == len(rows) - 1
            )
    return made


def shown_figures(styles: Mapping[str, Rows]) -> list[Figure]:
    """The figures that some row has."""
    there = {name for rows in styles.values() for values in rows.values() for name in values}
    return [figure for figure in FIGURES if figure.name in there]


def marks_of(styles: Mapping[str, Rows]) -> dict[str, str]:
    """Figure to its footnote's mark, for those that the copy wins in some style."""
    won = {
        name
        for rows in styles.values()
        for name in won_by_copy(rows.get(OURS, {}), rows.get(COPY, {}))
    }
    names = [figure.name for figure in FIGURES if figure.name in won]
    return {name: _raised(number) for number, name in enumerate(names, start=1)}


def footnotes(styles: Mapping[str, Rows]) -> list[str]:
    """Why a copy wins, a line a mark; then what each shown figure says."""
    notes = [
        f"{mark} the copy is better at {BY_NAME[name].title}: {BY_NAME[name].copy_wins}."
        for name, mark in marks_of(styles).items()
    ]
    return [*notes, "", *(f"{f.title}: {f.says}." for f in shown_figures(styles))]


def mean_rows(styles: Mapping[str, Rows]) -> dict[str, dict[str, float]]:
    """Each painter's mean over the styles, figure by figure, where a style has it."""
    painters = dict.fromkeys(painter for rows in styles.values() for painter in rows)
    return {
        painter: _mean([rows.get(painter, {}) for rows in styles.values()]) for painter in painters
    }


def _mean(rows: Sequence[Values]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    lists = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(values) / len(values) for name, values in lists.items()}


def _cell(figure: Figure, values: Values, marks: Mapping[str, str]) -> str:
    if figure.name not in values:
        return "-"
    return f"{values[figure.name]:.{figure.decimals}f}{marks.get(figure.name, '')}"


def _arrow(figure: Figure) -> str:
    return {"higher": "↑", "lower": "↓", "neither": ""}[figure.better]


def _raised(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))


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
