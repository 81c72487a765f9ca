"""Predict, then learn: figures by hand, nothing of the future, and a stream that is learnable."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from worlds import NOW, feedback

from stylecore.evaluation.prequential import Prequential, Protocol, Tally, run
from stylecore.evaluation.prequential_data import Row, stream
from stylecore.recommender.als import FitSettings
from stylecore.recommender.rules import Rules

SETTINGS = FitSettings(width=8, iterations=5)


def two_crowds(events: int, seed: int = 0) -> list[Row]:
    """Forty shoppers, of whom half take the even and half the odd of sixty products."""
    random = np.random.default_rng(seed)
    rows = []
    for minute in range(events):
        user = int(random.integers(40))
        number = 2 * int(random.integers(30)) + user % 2
        at = NOW + timedelta(minutes=minute)
        event = feedback(f"u{user}", f"p{number}", None, at=at, event_id=str(minute))
        rows.append(Row(event, "all"))
    return rows


def raced(rows: list[Row], **protocol) -> Prequential:
    return run(rows, Protocol(**protocol), Rules(), SETTINGS)


def test_a_tally_by_hand() -> None:
    tally = Tally("by hand", products=5)
    lists = np.array([[0, 1, 2], [1, 0, -1]])
    tally.add(lists, np.array([1, 3]), np.array([0, 1]), np.array([0.0, 1, 2, 3, 4]))
    found = tally.figures(np.random.default_rng(0))
    assert found.recall_at_10 == 0.5
    assert found.ndcg_at_10 == pytest.approx(0.5 / np.log2(3))
    assert found.coverage == pytest.approx(3 / 5)
    assert found.novelty == pytest.approx((0 + 1 + 2 + 1 + 0) / 5)


def test_factors_know_the_crowds_and_popularity_does_not() -> None:
    found = raced(two_crowds(900), refit_events=200, block=100)
    recalls = {row.learner: row.recall_at_10 for row in found.rows}
    assert found.refits == 2
    assert recalls["fold-in"] > 1.4 * recalls["popularity"]
    for learner in ("fold-in, refits", "what ships", "item-to-item", "EASE"):
        assert recalls[learner] > 1.4 * recalls["popularity"], learner


def test_fold_in_knows_shoppers_who_came_after_the_warm_up() -> None:
    rows = two_crowds(900)
    late = [
        Row(feedback("new-" + row.event.user_id, row.event.product_id, None, at=at), "all")
        for row in two_crowds(600, seed=1)
        for at in [row.event.occurred_at + timedelta(days=3)]
    ]
    found = raced([*rows, *late], warm_up=0.6)
    recalls = {row.learner: row.recall_at_10 for row in found.rows}
    assert recalls["fold-in"] > 1.4 * recalls["static factors"]


def test_the_future_changes_nothing_before_it() -> None:
    rows = two_crowds(600)
    cut = [*rows[:450]]
    changed = [*cut, *(Row(row.event, "all") for row in two_crowds(600, seed=9)[450:])]
    block = 50
    whole = raced(cut, warm_up=300 / 450, block=block)
    longer = raced(changed[:500], warm_up=300 / 500, block=block)
    hits = [row.recall_at_10 * whole.predicted for row in whole.rows]
    more = [row.recall_at_10 * longer.predicted for row in longer.rows]
    gained = longer.predicted - whole.predicted
    assert all(
        0 <= round(later - earlier) <= gained for earlier, later in zip(hits, more, strict=True)
    )


def test_products_that_were_touched_are_predicted_only_when_they_may_repeat() -> None:
    rows = two_crowds(600)
    assert raced(rows, repeats=True).predicted == 300
    once = {(row.event.user_id, row.event.product_id) for row in rows}
    before = {(row.event.user_id, row.event.product_id) for row in rows[:300]}
    assert raced(rows).predicted == len(once) - len(before)


def test_a_part_of_the_events_can_be_predicted_while_all_are_learnt() -> None:
    rows = two_crowds(600)
    all_of_them, some = raced(rows), raced(rows, every=4)
    assert some.predicted == all_of_them.predicted // 4
    assert some.shoppers == all_of_them.shoppers


def test_dismissals_are_learnt_and_not_predicted() -> None:
    rows = two_crowds(300)
    unwanted = [
        Row(feedback("u1", f"p{n}", None, "dismiss", NOW + timedelta(days=1), f"d{n}"), "all")
        for n in range(60)
    ]
    assert raced([*rows, *unwanted], warm_up=300 / 360).predicted == 0


def test_the_same_stream_gives_the_same_table_and_the_simulator_the_same_stream() -> None:
    assert raced(two_crowds(300)) == raced(two_crowds(300))
    first = stream(3, looks=2)
    assert first == stream(3, looks=2)
    assert first != stream(4, looks=2)
    times = [row.event.occurred_at for row in first]
    assert times == sorted(times)
    assert {row.event.kind for row in first} == {"click", "cart", "purchase", "dismiss"}


@pytest.mark.parametrize("users", [1, 40])
@pytest.mark.parametrize("products", [1, 60])
@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_poor_log_has_figures_within_bounds(
    users: int, products: int, repeats: bool, at_once: bool
) -> None:
    """Of one shopper, of one product, of one instant."""
    rows = [
        Row(
            feedback(
                f"u{number % users}",
                f"p{number * 7 % products}",
                at=NOW if at_once else NOW + timedelta(seconds=number),
                event_id=str(number),
            ),
            "all",
        )
        for number in range(120)
    ]
    found = raced(rows, refit_events=30, block=20, repeats=repeats)
    for row in found.rows:
        assert 0 <= row.low <= row.recall_at_10 <= row.high <= 1, row
