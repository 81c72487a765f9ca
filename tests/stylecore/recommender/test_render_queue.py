"""Which pictures come first under a budget, and that the budget is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_queue_trial import ORDERS, Shop, clicks, scene_of

from stylecore.recommender.engagement_prior import NO_PRIORS, EngagementPrior
from stylecore.recommender.render_queue import WISHES_KEPT, Missing, RenderQueue, TokenBucket
from stylecore.recommender.rules import Rules

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRODUCTS, STYLES = ["p1", "p2", "p3"], ["neon", "pastel"]

seconds = st.floats(0, 1e4)
pairs = st.tuples(st.sampled_from(PRODUCTS), st.sampled_from(STYLES))
pictures = st.builds(
    Missing, st.sampled_from(["mug", "lamp"]), st.sampled_from([None, NOW, NOW + HOUR])
)


def prior_of(*weights: float) -> EngagementPrior:
    return EngagementPrior(
        replace(
            NO_PRIORS,
            product_ids=tuple(PRODUCTS),
            product_weights=np.array(weights, dtype=np.float32),
            categories=("mug",),
            style_ids=tuple(STYLES),
            category_style=np.array([[300, 100]], dtype=np.float32),
        )
    )


PRIORS = [EngagementPrior(), prior_of(3, 2, 1), prior_of(0, 0, 9)]
lacks = st.dictionaries(st.sampled_from(STYLES), pictures)
changes = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(PRODUCTS), lacks),
    st.tuples(st.just("done"), pairs),
    st.tuples(st.just("like"), st.sampled_from(PRIORS)),
    st.tuples(st.just("want"), pairs, st.integers(1, 50)),
    st.tuples(st.just("best"), st.integers(0, 4)),
)


@given(st.floats(0.1, 1000), st.lists(seconds, max_size=30))
def test_never_more_is_ordered_than_the_budget_and_its_burst(a_minute, looks):
    burst = timedelta(seconds=5)
    bucket = TokenBucket(a_minute, burst, NOW)
    passed, ordered = 0.0, 0
    for pause in looks:
        passed += pause
        renders = bucket.whole(NOW + timedelta(seconds=passed))
        assert renders <= 1 + a_minute / 12 + 1e-6
        bucket.pay(renders)
        ordered += renders
        assert ordered <= a_minute / 60 * passed + 1e-6


def test_a_slow_budget_is_used_up_however_often_one_looks():
    bucket = TokenBucket(6, timedelta(seconds=5), NOW)
    ordered = 0
    for look in range(1, 3601):
        renders = bucket.whole(NOW + timedelta(seconds=look))
        bucket.pay(renders)
        ordered += renders
    assert ordered == pytest.approx(360, abs=1)


def test_a_clock_that_steps_back_gives_nothing():
    bucket = TokenBucket(60, timedelta(seconds=5), NOW)
    bucket.pay(bucket.whole(NOW + HOUR))
    assert bucket.whole(NOW) == 0


@given(st.lists(changes, max_size=40))
def test_the_queue_gives_the_same_as_sorting_everything_anew(done):
    queue = RenderQueue(EngagementPrior(), Rules())
    lacking: dict[tuple[str, str], Missing] = {}
    wishes: dict[tuple[str, str], int] = {}
    prior = EngagementPrior()
    for name, *arguments in done:
        if name == "put":
            product_id, missing = arguments
            lacking = {pair: picture for pair, picture in lacking.items() if pair[0] != product_id}
            lacking |= {(product_id, style_id): picture for style_id, picture in missing.items()}
            queue.put(product_id, missing)
        elif name == "done":
            lacking.pop(arguments[0], None)
            wishes.pop(arguments[0], None)
            queue.done(*arguments[0])
        elif name == "like":
            (prior,) = arguments
            queue.use_prior(prior)
        elif name == "want":
            wishes[arguments[0]] = wishes.get(arguments[0], 0) + arguments[1]
            queue.want(*arguments, at=NOW)
        else:
            queue.best(arguments[0], NOW)

    def rank(pair):
        picture = lacking[pair]
        value = prior.clicks_a_day(pair[0]) * prior.share(picture.category, pair[1])
        return (
            (picture.starts_at or datetime.max.replace(tzinfo=UTC)),
            -value - 0.5 * wishes.get(pair, 0),
            pair,
        )

    found = [waiting.pair for waiting in queue.best(100, NOW)]
    assert found == sorted(lacking, key=rank)
    assert [waiting.pair for waiting in queue.best(2, NOW)] == found[:2]
    assert len(queue) == len(found)


def test_what_shoppers_want_now_comes_before_what_is_likely_until_it_is_forgotten():
    queue = RenderQueue(prior_of(100, 100, 1), Rules())
    for product_id in PRODUCTS:
        queue.put(product_id, {style_id: Missing("mug", None) for style_id in STYLES})
    assert queue.best(1, NOW)[0].pair == ("p1", "neon")
    queue.want(("p3", "pastel"), 20, NOW)
    best = queue.best(2, NOW)
    assert [(waiting.pair, waiting.wished) for waiting in best] == [
        (("p3", "pastel"), True),
        (("p1", "neon"), False),
    ]
    assert queue.best(1, NOW + 10 * HOUR)[0].pair == ("p1", "neon")


def test_no_more_wishes_are_kept_than_its_bound():
    queue = RenderQueue(EngagementPrior(), Rules())
    for number in range(WISHES_KEPT + 1):
        queue.want((f"p{number}", "neon"), 1, NOW)
    queue.put("p0", {"neon": Missing("mug", None)})
    queue.put("p1", {"neon": Missing("mug", None)})
    assert [waiting.wished for waiting in queue.best(2, NOW)] == [True, False]


def test_by_value_the_same_visitors_click_more_than_first_come_in_every_shop():
    gains = []
    for seed in range(8):
        scene = scene_of(Shop(minutes=20), np.random.default_rng(seed))
        earned = {
            name: clicks(scene, order(scene, np.random.default_rng(seed)))
            for name, order in ORDERS.items()
        }
        gains.append(earned["value"] / earned["first come"] - 1)
    assert min(gains) > 0.2
    assert np.mean(gains) > 0.5
