"""A blend's bounds lie between its parts', a reference's are the loosest, a setting's win."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Quality
from stylecore.rendering.manifest import (
    FIGURES,
    SMALLER_IS_BETTER,
    Bounds,
    blended_bounds,
    judge,
    loosest,
    overridden,
    rounded_apart,
)

figures = st.floats(-1, 50)
bounds = st.builds(Bounds, **dict.fromkeys(FIGURES, figures | st.none()))
full = st.builds(Bounds, **dict.fromkeys(FIGURES, figures))
parts = st.lists(st.tuples(st.floats(0.01, 1), full), min_size=1, max_size=4)


@given(parts)
def test_a_blends_bound_lies_between_its_parts(parts):
    found = blended_bounds(parts)
    for name in FIGURES:
        given = [getattr(bounds, name) for _, bounds in parts]
        assert min(given) - 1e-9 <= getattr(found, name) <= max(given) + 1e-9


@given(bounds)
def test_a_style_alone_has_its_own(own):
    for name in FIGURES:
        mean, alone = getattr(blended_bounds([(1.0, own)]), name), getattr(own, name)
        assert (mean is None) is (alone is None)
        assert mean is None or abs(mean - alone) < 1e-9


@given(
    st.lists(bounds, min_size=1, max_size=4), st.builds(Quality, **dict.fromkeys(FIGURES, figures))
)
def test_what_passes_any_part_passes_the_loosest(parts, quality):
    for part in parts:
        missed = {reason.figure for reason in judge(quality, part)}
        assert {reason.figure for reason in judge(quality, loosest(parts))} <= missed


@given(bounds, bounds)
def test_an_override_counts_where_it_says_something(own, by):
    found = overridden(own, by)
    for name in FIGURES:
        wanted = getattr(own if getattr(by, name) is None else by, name)
        assert getattr(found, name) == wanted


@given(st.sampled_from(FIGURES), figures, figures)
def test_a_figure_is_judged_from_its_good_side(name, value, bound):
    missed = bool(judge(Quality(**{name: value}), Bounds(**{name: bound})))
    assert missed is (value > bound if name in SMALLER_IS_BETTER else value < bound)


def test_value_and_bound_are_told_apart_in_words():
    assert rounded_apart(0.123, 0.2) == ("0.12", "0.20")
    assert rounded_apart(0.09996, 0.1) == ("0.09996", "0.10000")
    assert rounded_apart(0.1, 0.1) == ("0.10", "0.10")
    value, bound = rounded_apart(0.1, 0.1 + 1e-17)
    assert value == bound
    assert rounded_apart(0.1 - 1e-15, 0.1)[0] < rounded_apart(0.1 - 1e-15, 0.1)[1]
