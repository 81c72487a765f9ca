"""The table: which figures a copy wins, and that each win is explained."""

import io

from rich.console import Console

from stylecore.evaluation.table import FIGURES, footnotes, marks_of, mean_rows, table, won_by_copy

STYLES = {
    "neon": {
        "generator": {"ssim": 0.2, "retrieval": 0.9, "shift": 0.1, "ground": 0.0},
        "copy": {"ssim": 1.0, "retrieval": 1.0, "shift": 0.0, "ground": 0.3},
    },
    "ink-line": {
        "generator": {"ssim": 0.5, "progress": 0.6, "retrieval": 1.0},
        "copy": {"ssim": 1.0, "progress": 0.0, "retrieval": 1.0},
    },
}


def shown() -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(table(STYLES))
    return file.getvalue()


def test_every_figure_that_a_copy_can_win_has_its_explanation():
    for figure in FIGURES:
        assert figure.copy_wins or figure.better == "neither" or figure.name == "ms"


def test_a_copy_wins_where_it_is_better_by_more_than_rounding():
    assert won_by_copy(**_named("neon")) == ["ssim", "retrieval", "shift"]
    assert won_by_copy(**_named("ink-line")) == ["ssim"]
    assert won_by_copy({"ssim": 0.997}, {"ssim": 1.0}) == []


def test_the_wins_are_marked_and_explained():
    assert marks_of(STYLES) == {"ssim": "¹", "retrieval": "²", "shift": "³"}
    lines = shown().splitlines()
    copies = [line for line in lines if " copy " in line]
    assert "1.00¹" in copies[0]
    assert "1.00²" in copies[0]
    assert "1.00¹" in copies[1]
    assert "1.00²" not in copies[1]
    notes = footnotes(STYLES)
    assert notes[0].startswith("¹ the copy is better at SSIM: ")
    assert any(note.startswith("ground: Delta E") for note in notes)


def test_only_figures_that_some_row_has_are_columns_and_what_lacks_is_a_dash():
    head = next(line for line in shown().splitlines() if "painter" in line)
    assert "SSIM" in head
    assert "ArtFID" not in head
    assert " - " in shown()


def test_the_mean_is_over_the_styles_that_have_a_figure():
    means = mean_rows(STYLES)
    assert means["generator"]["ssim"] == 0.35
    assert means["generator"]["progress"] == 0.6


def _named(style: str) -> dict:
    rows = STYLES[style]
    return {"ours": rows["generator"], "copy": rows["copy"]}
