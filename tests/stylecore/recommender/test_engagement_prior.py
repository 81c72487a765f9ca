"""What a missing picture is worth, from the priors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stylecore.recommender.engagement_prior import NO_PRIORS, EngagementPrior

PRIORS = replace(
    NO_PRIORS,
    product_ids=("old", "older", "new"),
    product_weights=np.array([30, 10, 0], dtype=np.float32),
    categories=("mug", "lamp"),
    style_ids=("neon", "pastel", "original"),
    category_style=np.array([[900, 100, 0], [0, 0, 400]], dtype=np.float32),
)
PRIOR = EngagementPrior(PRIORS)


def test_a_product_is_clicked_as_its_weight_tells_and_an_untouched_one_like_the_mean():
    # A weight that halves in 30 days and stays 30 is fed by 30 ln 2 / 30 clicks a day.
    assert PRIOR.clicks_a_day("old") == pytest.approx(0.693, abs=0.001)
    assert PRIOR.clicks_a_day("new") == PRIOR.clicks_a_day("unheard of")
    assert PRIOR.clicks_a_day("older") < PRIOR.clicks_a_day("new") < PRIOR.clicks_a_day("old")


def test_the_shares_of_a_category_are_its_own_and_the_shops_where_it_is_unknown():
    assert PRIOR.share("mug", "neon") > 0.8
    assert PRIOR.share("lamp", "neon") < 0.2
    assert PRIOR.share("lamp", "neon") < PRIOR.share("unheard of", "neon") < 0.8
    whole_shop = [PRIOR.share("unheard of", style_id) for style_id in PRIORS.style_ids]
    assert sum(whole_shop) == pytest.approx(1)
    assert PRIOR.share("mug", "a style of today") == 1 / 4


def test_favourites_are_asked_among_what_there_is():
    assert PRIOR.favourites("mug", ["pastel", "sepia", "neon"], 2) == ["neon", "sepia"]
    assert PRIOR.favourites("unheard of", ["pastel", "neon"], 1) == ["neon"]


def test_without_priors_all_is_alike_and_nothing_is_a_favourite():
    nothing = EngagementPrior()
    assert nothing.favourites("mug", ["neon"]) == []
    assert nothing.share("mug", "neon") == nothing.share("lamp", "pastel")
    assert nothing.clicks_a_day("old") == nothing.clicks_a_day("new") > 0
    assert not EngagementPrior(
        replace(PRIORS, category_style=np.zeros((2, 3), np.float32))
    ).is_known
