"""Ranking: the k best that may be shown, the same ones for the same scores, never a masked one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stylecore.rank import BLOCK, NONE, Ranking, top_k

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Users, products, masked pairs and absent products; small integers make many ties."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    users, products = draw(st.integers(0, 5)), draw(st.integers(1, 400))
    width, spread = draw(st.integers(1, 4)), draw(st.sampled_from([1, 3, 1000]))
    masked = draw(st.integers(0, 300)) if users else 0
    return (
        random.integers(-spread, spread + 1, size=(users, width)).astype(np.float32),
        random.integers(-spread, spread + 1, size=(products, width)).astype(np.float32),
        random.integers(users or 1, size=masked),
        random.integers(products, size=masked),
        random.random(products) < draw(st.sampled_from([0.0, 0.1, 1.0])),
    )


def one_by_one(case: Case, k: int) -> list[list[tuple[float, int]]]:
    """The readable way: sort all that may be shown."""
    users, products, masked_users, masked_products, absent = case
    lists = []
    for number, vector in enumerate(users):
        hidden = set(masked_products[masked_users == number].tolist())
        shown = [
            (-float(vector @ product), row)
            for row, product in enumerate(products)
            if row not in hidden and not absent[row]
        ]
        lists.append([(-score, row) for score, row in sorted(shown)[:k]])
    return lists


def as_lists(ranking: Ranking) -> list[list[tuple[float, int]]]:
    return [
        [(score, row) for score, row in zip(scores, rows, strict=True) if row != NONE]
        for scores, rows in zip(ranking.scores.tolist(), ranking.rows.tolist(), strict=True)
    ]


@given(cases(), st.integers(0, 30))
def test_it_is_a_full_sort_with_ties_to_the_lower_row(case: Case, k: int) -> None:
    assert as_lists(top_k(*case[:2], k, *case[2:])) == one_by_one(case, k)


@given(cases(), st.integers(1, 30))
def test_places_without_a_product_stand_at_the_end(case: Case, k: int) -> None:
    ranking = top_k(*case[:2], k, *case[2:])
    assert ranking.rows.shape == (len(case[0]), min(k, len(case[1])))
    assert np.isneginf(ranking.scores[ranking.rows == NONE]).all()
    assert not (np.diff((ranking.rows == NONE).astype(int), axis=1) < 0).any()


def test_more_shoppers_than_a_block_get_their_own_lists() -> None:
    random = np.random.default_rng(0)
    users = random.integers(-9, 10, size=(2 * BLOCK + 3, 3)).astype(np.float32)
    products = random.integers(-9, 10, size=(500, 3)).astype(np.float32)
    masked_users = random.integers(len(users), size=5000)
    masked_products = random.integers(len(products), size=5000)
    case = (users, products, masked_users, masked_products, np.zeros(500, dtype=bool))
    assert as_lists(top_k(*case[:2], 20, *case[2:])) == one_by_one(case, 20)
