"""A theme drawn ahead is in lists within its window alone, and there as often as is stated."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import worlds
from helpers import wait_until
from integration.shop import announce_factors, click, latest, read_all, shop_fleet

from schemas.codec import decode
from schemas.events import Recommendations, Style, UserState
from schemas.topics import FEEDBACK, PRODUCTS, RECOMMENDATIONS, STYLES, STYLIZED, USER_STATES
from stylecore.recommender.recommend import EVERYONE, recommend
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.state import empty
from stylecore.recommender.style_policy import POLICY
from workers.kafka.producer import Publisher
from workers.preferences.worker import rules_of
from workers.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

THEME, DRAWN = "winter", ("ink-line", "neon", "winter")
PRODUCTS_SOLD = [worlds.product(number) for number in range(12)]
IDLE = [f"idle-{number}" for number in range(30)]
ACTIVE = "ann"
EVERYBODY = {EVERYONE, ACTIVE, *IDLE}
FACTORS_SEED = 1
FAR = timedelta(days=300)
LENGTH = timedelta(seconds=20)


def theme(starts_at: datetime, length: timedelta = LENGTH) -> Style:
    return worlds.campaign_style(THEME, starts_at, starts_at + length, priority=100)


def publish_shop(settings: Settings) -> None:
    """Products, pictures in three styles of which one is a theme for later, a click of each."""
    now = datetime.now(UTC)
    with Publisher(settings, "/test") as publisher:
        publisher.send(STYLES, theme(now + FAR), now)
        for product in PRODUCTS_SOLD:
            publisher.send(PRODUCTS, product, now)
            for style_id in DRAWN:
                publisher.send(STYLIZED, worlds.render(product.product_id, style_id), now)
        for number, shopper in enumerate((ACTIVE, *IDLE)):
            publisher.send(FEEDBACK, click(number, shopper, PRODUCTS_SOLD[number % 12]), now)


def act(settings: Settings, number: int, style_id: str) -> None:
    """A click of the active shopper."""
    with Publisher(settings, "/test") as publisher:
        event = click(number, ACTIVE, PRODUCTS_SOLD[number % 12], style_id)
        publisher.send(FEEDBACK, event, datetime.now(UTC))


def schedule(settings: Settings, style: Style) -> None:
    """The theme, with another window than before."""
    with Publisher(settings, "/test") as publisher:
        publisher.send(STYLES, style, datetime.now(UTC))


def sleep_until(at: datetime) -> None:
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


def all_lists(settings: Settings) -> list[Recommendations]:
    return [decode(Recommendations, r.value) for r in read_all(settings, RECOMMENDATIONS)]


def last_lists(settings: Settings) -> dict[str, Recommendations]:
    return {found.user_id: found for found in all_lists(settings)}


def made_since(settings: Settings, at: datetime, users: set[str]) -> bool:
    lists = last_lists(settings)
    return users <= lists.keys() and all(lists[user].generated_at >= at for user in users)


def looks(found: Recommendations) -> list[tuple[str, str]]:
    return [(item.product_id, item.style_id) for item in found.items]


def shows_theme(found: Recommendations) -> bool:
    return any(style_id == THEME for _, style_id in looks(found))


def stated(settings: Settings, found: Recommendations, style: Style) -> dict[str, float]:
    """What the list says by the pure rules: the propensity of each product's look."""
    shop = worlds.catalogue(12, DRAWN)
    shop.put_style(style)
    states = [
        decode(UserState, value) for value in latest(read_all(settings, USER_STATES)).values()
    ]
    state = {one.user_id: one for one in states}.get(found.user_id, empty(found.user_id))
    factors = worlds.factors(12, 4, np.random.default_rng(FACTORS_SEED))
    now, (rules, choice_rules) = found.generated_at, rules_of(settings.preferences)
    shelf = arrange(shop, factors, factors.priors, choice_rules, now)
    (items,) = recommend([state], shelf, now, rules, choice_rules)
    return {f"{item.product_id}/{item.style_id}": item.propensity for item in items}


def told(found: Recommendations) -> dict[str, float]:
    return {f"{item.product_id}/{item.style_id}": item.propensity for item in found.items}


def share(lists: Iterable[Recommendations]) -> float:
    return float(np.mean([style_id == THEME for one in lists for _, style_id in looks(one)]))


def test_a_theme_is_shown_within_its_window_alone(settings, environment, tmp_path):
    publish_shop(settings)
    version = announce_factors(settings, FACTORS_SEED)
    brief_visits = environment | {"STYLECAST_PREFERENCES__VISIT_MINUTES": "0.001"}
    with shop_fleet(settings, brief_visits, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: last_lists(settings).keys() >= EVERYBODY, 90)
        before = last_lists(settings)
        starts_at = datetime.now(UTC) + timedelta(seconds=4)
        schedule(settings, theme(starts_at))
        ends_at = starts_at + LENGTH
        sleep_until(starts_at)
        wait_until(lambda: made_since(settings, starts_at, {EVERYONE, *IDLE}))
        act(settings, 100, THEME)
        wait_until(lambda: made_since(settings, starts_at, {ACTIVE}))
        states = latest(read_all(settings, USER_STATES))
        within = last_lists(settings)
        assert datetime.now(UTC) < ends_at, "the machine was too slow for the window"
        sleep_until(ends_at)
        wait_until(lambda: made_since(settings, ends_at, EVERYBODY))
        assert latest(read_all(settings, USER_STATES)) == states
        act(settings, 101, "neon")
        wait_until(lambda: any(one.caused_by == "event-101" for one in all_lists(settings)))
        fleet.require_running()
    everything = all_lists(settings)
    assert {found.factors_version for found in everything} == {version}
    outside = [one for one in everything if not starts_at <= one.generated_at < ends_at]
    assert not any(map(shows_theme, outside))
    assert share(within.values()) > 0.4 > 4 * share(before.values())
    after = last_lists(settings)
    for user in (EVERYONE, *IDLE):
        assert shows_theme(within[user])
        assert told(within[user]) == pytest.approx(stated(settings, within[user], theme(starts_at)))
        assert looks(after[user]) == looks(before[user])
    shown = [item.propensity for one in within.values() for item in one.items]
    assert min(shown) >= settings.preferences.exploration / (1 + len(DRAWN))
    assert {found.valid_until for found in within.values()} == {ends_at}
    assert {found.policy for found in everything} == {POLICY}
    ids = [found.recommendation_id for found in everything]
    assert len(ids) == len(set(ids)), "two lists have one id"


def test_lists_do_not_keep_a_theme_whose_end_the_worker_has_missed(settings, environment, tmp_path):
    publish_shop(settings)
    announce_factors(settings, FACTORS_SEED)
    starts_at = datetime.now(UTC)
    schedule(settings, theme(starts_at, timedelta(hours=1)))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: last_lists(settings).keys() >= EVERYBODY, 90)
    assert all(map(shows_theme, last_lists(settings).values()))
    ends_at = datetime.now(UTC)
    schedule(settings, theme(starts_at, ends_at - starts_at))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: made_since(settings, ends_at, EVERYBODY), 60)
    assert not any(map(shows_theme, last_lists(settings).values()))
