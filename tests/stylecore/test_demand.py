"""Demand counts distinct shoppers over a window, and is bounded."""

from datetime import UTC, datetime, timedelta

from stylecore.demand import MOST_PAIRS, Demand

START = datetime(2026, 11, 23, tzinfo=UTC)
LATER = START + timedelta(seconds=10)


def test_distinct_shoppers_count_and_the_most_wanted_come_first():
    demand = Demand(START)
    for shopper in ("a", "b", "a"):
        demand.want(shopper, ["mug"], "neon")
    demand.want("a", ["mug", "vase"], "pastel")
    found = demand.flush(LATER)
    assert [(d.product_id, d.style_id, d.wanted) for d in found] == [
        ("mug", "neon", 2),
        ("mug", "pastel", 1),
        ("vase", "pastel", 1),
    ]
    assert {(d.window_start, d.window_end) for d in found} == {(START, LATER)}


def test_a_flush_starts_a_new_window():
    demand = Demand(START)
    demand.want("a", ["mug"], "neon")
    demand.flush(LATER)
    assert demand.flush(LATER + timedelta(seconds=10)) == []


def test_no_more_than_the_agreed_pairs_are_told():
    demand = Demand(START)
    demand.want("a", [f"product-{number}" for number in range(1000)], "neon")
    assert len(demand.flush(LATER)) == MOST_PAIRS
