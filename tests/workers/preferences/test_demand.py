"""Demand counts distinct shoppers over a window, and is bounded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import worlds

from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import empty_batch
from stylecore.recommender.rules import Rules
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.style_policy import ChoiceRules
from stylecore.recommender.top_k import NONE
from workers.preferences.outputs import MOST_PAIRS, Demand

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


def test_the_favourite_style_is_wanted_for_the_products_of_the_list_that_lack_it():
    shop = worlds.catalogue(3, styles=("neon", "pastel"))
    shop.remove_render("product-1", "neon")
    shelf = arrange(
        shop, None, Popularity(shop, Rules(), START).priors(START), ChoiceRules(), START
    )
    neon = shelf.column_of["neon"]
    rows = np.array([[0, 1, NONE], [1, 2, 0], [2, 1, 0]])
    affinities = np.zeros((3, 3))
    affinities[0, neon], affinities[1, shelf.column_of["pastel"]] = 2.0, 1.0
    lists = replace(empty_batch(3, 3), rows=rows, affinities=affinities)
    demand = Demand(START)
    demand.want_lacking(["a", "b", "c"], shelf, lists)
    (found,) = demand.flush(LATER)
    assert (found.product_id, found.style_id, found.wanted) == ("product-1", "neon", 1)
