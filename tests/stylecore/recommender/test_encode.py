"""The encoder writes byte for byte what the events of the same lists are when encoded."""

import gc
import weakref

import msgspec
import numpy as np
import worlds
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW

from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.encode import ListEncoder
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import items_of, rank
from stylecore.recommender.rules import Rules
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.state import empty
from stylecore.recommender.style_policy import ChoiceRules

RULES, CHOICE = Rules(), ChoiceRules()


def made(seed: int, products: int, with_factors: bool):
    """A shop with gaps and five shoppers, of whom one is not known."""
    random = np.random.default_rng(seed)
    shop = worlds.catalogue(products)
    shop.put_product(
        msgspec.structs.replace(worlds.product(products), title='A "mug"\n\u2028 of \\ clay é')
    )
    if products > 2:
        shop.remove_product("product-1")
    factors = worlds.factors(products, 4, random) if with_factors else None
    priors = factors.priors if factors else Popularity(shop, RULES, NOW).priors(NOW)
    states = [*worlds.shoppers(4, products + 1, random), empty("nobody")]
    return states, arrange(shop, factors, priors, CHOICE, NOW)


@given(st.integers(0, 2**32), st.integers(1, 40), st.booleans(), st.integers(1, 30))
def test_the_bytes_are_those_of_the_events(
    seed: int, products: int, with_factors: bool, items: int
) -> None:
    states, shelf = made(seed, products, with_factors)
    encoder = ListEncoder(shelf)
    for batch in (states, states[:2], []):
        lists = rank(batch, shelf, NOW, RULES, CHOICE, items)
        assert encoder.encode(lists) == [
            msgspec.json.encode(found) for found in items_of(shelf, lists)
        ]


def test_an_empty_shop_gives_empty_lists() -> None:
    shop = Catalogue()
    shelf = arrange(shop, None, Popularity(shop, RULES, NOW).priors(NOW), CHOICE, NOW)
    lists = rank([empty("a"), empty("b")], shelf, NOW, RULES, CHOICE)
    assert ListEncoder(shelf).encode(lists) == [b"[]", b"[]"]


def test_a_snapshot_without_references_is_freed_without_the_collector() -> None:
    """The collector comes seldom, and each snapshot keeps a file of factors open."""
    states, shelf = made(1, 5, with_factors=True)
    encoder, gone = ListEncoder(shelf), weakref.ref(shelf)
    gc.disable()
    try:
        encoder.encode(rank(states, shelf, NOW, RULES, CHOICE, 3))
        del encoder, shelf
        assert gone() is None
    finally:
        gc.enable()
