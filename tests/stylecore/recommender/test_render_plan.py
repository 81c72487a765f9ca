"""Which jobs a product gets, and that it gets each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Campaign, Product, Style
from stylecore.recommender.engagement_prior import NO_PRIORS, EngagementPrior
from stylecore.recommender.render_plan import (
    generator_styles,
    on_offer,
    plan,
    without_jobs,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
CATEGORIES = ["mug", "shirt", "lamp"]

products = st.builds(
    Product,
    product_id=st.sampled_from(["p1", "p2"]),
    title=st.just("A product"),
    category=st.sampled_from(CATEGORIES),
    image_uri=st.sampled_from(["photo-1.jpg", "photo-2.jpg"]),
)
some_styles = st.lists(
    st.builds(
        Style,
        style_id=st.sampled_from([f"style-{number}" for number in range(8)]),
        label=st.just("A style"),
        weights=st.sampled_from([{"neon": 1.0}, {"neon": 0.5, "pop-art": 0.5}]),
        seed=st.integers(0, 3),
        categories=st.lists(st.sampled_from(CATEGORIES), max_size=2),
    ),
    unique_by=lambda style: style.style_id,
)


def make(product, styles, planned=None, *, model="1", reason="launch", at=AT, prior=None):
    return plan(product, styles, planned or {}, model=model, reason=reason, at=at, prior=prior)


def ordered(result) -> set[str]:
    return {request.style_id for job in result.jobs for request in job.styles}


def product_of(**changes) -> Product:
    return Product(
        **{
            "product_id": "p1",
            "title": "Mug",
            "category": "mug",
            "image_uri": "mug.jpg",
            **changes,
        }
    )


@given(products, some_styles)
def test_a_new_product_gets_every_style_of_its_category_once(product, styles):
    offered = {s.style_id for s in styles if not s.categories or product.category in s.categories}
    result = make(product, styles)
    assert ordered(result) == offered == result.planned.keys()
    assert sum(len(job.styles) for job in result.jobs) == len(offered)


@given(products, some_styles)
def test_an_unchanged_repeat_gets_nothing(product, styles):
    again = make(product, styles, make(product, styles).planned, at=LATER)
    assert (again.jobs, again.withdrawn) == ([], [])


@given(products, some_styles, st.randoms())
def test_the_same_order_has_the_same_id_whatever_its_time_reason_and_the_styles_order(
    product, styles, random
):
    shuffled = random.sample(styles, len(styles))
    one = make(product, styles)
    other = make(product, shuffled, reason="request", at=LATER)
    assert [job.job_id for job in one.jobs] == [job.job_id for job in other.jobs]


@given(products, some_styles)
def test_another_photo_or_model_orders_everything_again_under_other_ids(product, styles):
    first = make(product, styles)
    changed = product_of(category=product.category, image_uri="another.jpg")
    for result in (
        make(changed, styles, first.planned),
        make(product, styles, first.planned, model="2"),
    ):
        assert ordered(result) == ordered(first)
        assert not {job.job_id for job in result.jobs} & {job.job_id for job in first.jobs}


@given(products, some_styles, some_styles)
def test_whatever_changes_only_the_difference_is_ordered_and_withdrawn(product, before, after):
    planned = make(product, before).planned
    result = make(product, after, planned)
    same = {style_id for style_id, v in result.planned.items() if planned.get(style_id) == v}
    assert ordered(result) == result.planned.keys() - same
    assert set(result.withdrawn) == planned.keys() - result.planned.keys()


@given(products, some_styles)
def test_a_removed_product_loses_all_its_pictures(product, styles):
    planned = make(product, styles).planned
    result = make(None, styles, planned)
    assert (result.jobs, result.withdrawn, result.planned) == ([], sorted(planned), {})


def test_the_label_and_the_campaign_are_not_part_of_the_picture():
    plain = Style(style_id="warm", label="Warm", weights={"neon": 1.0})
    planned = make(product_of(), [plain]).planned
    campaign = Campaign(starts_at=AT, ends_at=LATER)
    dressed = Style(style_id="warm", label="Heat", weights={"neon": 1.0}, campaign=campaign)
    assert make(product_of(title="Cup"), [dressed], planned).jobs == []


def test_more_styles_than_a_job_may_have_make_several_jobs():
    labels = {f"style-{number:03}": "A style" for number in range(130)}
    result = make(product_of(), generator_styles(labels).values())
    assert [len(job.styles) for job in result.jobs] == [64, 64, 2]
    assert len({job.job_id for job in result.jobs}) == 3
    assert result.jobs[0].styles[0].definition.weights == {"style-000": 1.0}


MUGS_LIKE = EngagementPrior(
    replace(
        NO_PRIORS,
        categories=("mug",),
        style_ids=tuple(f"style-{number}" for number in range(8)),
        category_style=np.array([[0, 5, 900, 20, 0, 700, 10, 800]], dtype=np.float32),
    )
)


def test_a_new_product_is_ordered_first_in_the_styles_that_its_category_likes_most():
    styles = generator_styles({f"style-{number}": "A style" for number in range(8)}).values()
    first, rest = make(product_of(), styles, prior=MUGS_LIKE).jobs
    assert [request.style_id for request in first.styles] == ["style-2", "style-5", "style-7"]
    assert [request.style_id for request in rest.styles] == [
        f"style-{number}" for number in (0, 1, 3, 4, 6)
    ]


@given(products, some_styles, some_styles)
def test_a_prior_changes_the_order_and_nothing_else(product, before, after):
    planned = make(product, before).planned
    plain, liked = make(product, after, planned), make(product, after, planned, prior=MUGS_LIKE)
    assert ordered(liked) == ordered(plain)
    assert (liked.planned, liked.withdrawn) == (plain.planned, plain.withdrawn)
    again = make(product, after, planned, prior=MUGS_LIKE, at=LATER)
    assert [job.job_id for job in again.jobs] == [job.job_id for job in liked.jobs]


@given(products, some_styles, some_styles)
def test_what_was_not_ordered_is_found_again_and_what_was_drawn_is_still_withdrawn(
    product, before, after
):
    planned = make(product, before).planned
    full = make(product, after, planned)
    waiting = without_jobs(full, planned)
    assert waiting.jobs == []
    assert ordered(make(product, after, waiting.planned)) == ordered(full)
    gone = make(None, [], waiting.planned).withdrawn
    assert {*gone, *full.withdrawn} == planned.keys()


HOUR = timedelta(hours=1)
CAMPAIGN = Campaign(starts_at=AT, ends_at=AT + 3 * HOUR)
THEME = Style(style_id="neon", label="Lights", weights={"pop-art": 1.0}, campaign=CAMPAIGN)


@pytest.mark.parametrize(
    ("now", "is_shown"),
    [
        (AT - 2 * HOUR - timedelta(seconds=1), False),
        (AT - 2 * HOUR, True),
        (AT + 3 * HOUR - timedelta(seconds=1), True),
        (AT + 3 * HOUR, False),
    ],
)
def test_a_theme_is_on_offer_from_the_lead_before_its_start_until_its_end(now, is_shown):
    own = generator_styles({"neon": "Neon", "pastel": "Pastel"})
    offers = on_offer(own, [THEME], now, 2 * HOUR)
    assert offers == {**own, "neon": THEME if is_shown else own["neon"]}
    other = Style(style_id="lights", label="Lights", weights={"neon": 0.5}, campaign=CAMPAIGN)
    assert ("lights" in on_offer(own, [other], now, 2 * HOUR)) == is_shown


def test_a_generators_style_with_a_campaign_is_always_on_offer():
    dressed = Style(style_id="neon", label="Neon", weights={"neon": 1.0}, campaign=CAMPAIGN)
    own = generator_styles({"neon": "Neon"})
    assert on_offer(own, [dressed], LATER, HOUR) == {"neon": dressed}
