"""The figures as a table: a section a style, a row a painter, footnotes where the copy wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from stylecore.evaluation.figures import BY_NAME, FIGURES, Figure, Values, won_by_copy
from stylecore.evaluation.painters import COPY, OURS

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
