"""A shopper's list changes a few places at an action, also after a restart, and then as a whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import worlds
from helpers import wait_until
from integration.shop import click, latest, read_all, shop_fleet

from schemas.codec import decode
from schemas.events import Recommendations, RecommendedItem
from schemas.topics import FEEDBACK, PRODUCTS, RECOMMENDATIONS, USER_STATES
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

GOODS = [worlds.product(number) for number in range(60)]


def lists(settings: Settings) -> list[Recommendations]:
    """The lists of the shopper, in the order in which they were written."""
    own = [one.value for one in read_all(settings, RECOMMENDATIONS) if one.key == b"ada"]
    return [decode(Recommendations, value) for value in own if value is not None]


def act(settings: Settings, number: int, at: int | None = None) -> list[RecommendedItem]:
    """Click the product at a place of the present list, or any; return the list that follows."""
    product = GOODS[number]
    if at is not None:
        product_id = lists(settings)[-1].items[at].product_id
        product = next(one for one in GOODS if one.product_id == product_id)
    with Publisher(settings, "/test") as publisher:
        publisher.send(FEEDBACK, click(number, "ada", product), datetime.now(UTC))
    wait_until(lambda: f"event-{number}" in [one.caused_by for one in lists(settings)], 60)
    return next(one.items for one in lists(settings) if one.caused_by == f"event-{number}")


def changed(one: list[RecommendedItem], other: list[RecommendedItem]) -> list[int]:
    assert len(one) == len(other)
    pairs = enumerate(zip(one, other, strict=True))
    return [place for place, (a, b) in pairs if a.image_uri != b.image_uri]


def test_a_click_changes_few_places_also_after_a_restart(settings, environment, tmp_path):
    with Publisher(settings, "/test") as publisher:
        for product in GOODS:
            publisher.send(PRODUCTS, product, worlds.NOW)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        first = act(settings, 3)
        second = act(settings, 4)
        assert len(changed(first, second)) == 6
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        third = act(settings, 5, at=15)
        assert 0 < len(changed(second, third)) <= 6
        assert not {14, 15, 16} & set(changed(second, third))
        third = act(settings, 7)
    brief_visits = environment | {"STYLECAST_PREFERENCES__VISIT_MINUTES": "0.01"}
    with shop_fleet(settings, brief_visits, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: lists(settings)[-1].caused_by is None, 60)
        whole = lists(settings)[-1].items
        assert changed(third, whole)
        scores = [item.score for item in whole[:18]]
        assert scores == sorted(scores, reverse=True)
        states = latest(read_all(settings, USER_STATES))
        fourth = act(settings, 6, at=2)
        assert len(changed(whole, fourth)) <= 6
        assert latest(read_all(settings, USER_STATES)) != states


def test_a_forgotten_shopper_s_list_is_forgotten(settings, environment, tmp_path):
    with Publisher(settings, "/test") as publisher:
        for product in GOODS:
            publisher.send(PRODUCTS, product, worlds.NOW)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        act(settings, 3)
        second = act(settings, 4)
        with Publisher(settings, "/test") as publisher:
            publisher.send_raw(tombstone(settings, FEEDBACK, b"ada"))
        third = act(settings, 17)
        assert len(changed(second, third)) > 6
