"""Bounds are chosen by the rule that the docstring states, whatever the figures are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Quality
from stylecore.evaluation.gate import ANSWERABLE, CANDIDATES, KEPT, Specimen, good_kind, tables_of
from stylecore.rendering.manifest import FIGURES, SMALLER_IS_BETTER

values = st.lists(st.floats(0, 1), min_size=4, max_size=30)


def specimens(figure, good, broken):
    kinds = {good_kind(figure): good} | dict.fromkeys(ANSWERABLE[figure], broken)
    return [
        Specimen(str(place), "ink", kind, Quality(**{figure: value}))
        for kind, given in kinds.items()
        for place, value in enumerate(given)
    ]


@settings(deadline=None)
@given(st.sampled_from(FIGURES), values, values)
def test_nearly_all_good_renders_pass_and_no_better_candidate_was_left(figure, good, broken):
    (table,) = tables_of(specimens(figure, good, broken), "ink")
    assert len(table.candidates) == CANDIDATES
    assert table.chosen.passed >= KEPT
    kept = [candidate for candidate in table.candidates if candidate.passed >= KEPT]
    assert table.chosen.accuracy == pytest.approx(max(c.accuracy for c in kept))


@settings(deadline=None)
@given(st.sampled_from(FIGURES), values, values)
def test_from_loose_to_strict_fewer_pass_and_more_fail(figure, good, broken):
    (table,) = tables_of(specimens(figure, good, broken), "ink")
    assert (np.diff([candidate.passed for candidate in table.candidates]) <= 0).all()
    for kind in ANSWERABLE[figure]:
        assert (np.diff([candidate.failed[kind] for candidate in table.candidates]) >= 0).all()


@pytest.mark.parametrize("figure", FIGURES)
def test_where_good_and_broken_lie_apart_the_bound_lies_between_them(figure):
    high, low = [0.8, 0.9, 1.0], [0.1, 0.2, 0.3]
    good, broken = (low, high) if figure in SMALLER_IS_BETTER else (high, low)
    (table,) = tables_of(specimens(figure, good, broken), "ink")
    assert table.chosen.accuracy == 1
    assert 0.3 < table.chosen.bound < 0.8


def test_a_figure_that_no_good_render_has_gets_no_table():
    assert tables_of(specimens("background", [], [1.0]), "ink") == []
