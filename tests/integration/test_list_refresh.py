"""New factors reach the shoppers who do nothing, also when the worker was away meanwhile."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import worlds
from helpers import wait_until
from integration.shop import announce_factors, click, latest, read_all, shop_fleet

from schemas.codec import decode
from schemas.events import Recommendations
from schemas.topics import FEEDBACK, PRODUCTS, RECOMMENDATIONS, STYLIZED, USER_STATES
from stylecore.recommender.recommend import EVERYONE
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply, empty
from workers.kafka.producer import Publisher
from workers.kafka.table import partitions_of
from workers.kafka.topics import topic_name
from workers.preferences.refresh import YOUNG
from workers.preferences.worker import PreferencesHandler
from workers.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

SHOPPERS = {"ann", "bob", "eve"}
QUICK = {"STYLECAST_PREFERENCES__PICTURES_SECONDS": "1"}


def versions(settings: Settings) -> dict[str, str]:
    """The factor version of each shopper's list."""
    lists = latest(read_all(settings, RECOMMENDATIONS)).values()
    found = [decode(Recommendations, value) for value in lists]
    return {one.user_id: one.factors_version for one in found if one.user_id in SHOPPERS}


def test_idle_shoppers_get_lists_of_new_factors(settings, environment, tmp_path):
    products = [worlds.product(number) for number in range(12)]
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        with Publisher(settings, "/test") as publisher:
            for product in products:
                publisher.send(PRODUCTS, product, worlds.NOW)
            for number, shopper in enumerate(sorted(SHOPPERS)):
                publisher.send(FEEDBACK, click(number, shopper, products[number]), worlds.NOW)
        wait_until(lambda: set(versions(settings).values()) == {"popularity"}, 60)
        wait_until(lambda: versions(settings).keys() == SHOPPERS, 60)
        states = latest(read_all(settings, USER_STATES))

        first = announce_factors(settings, 1)
        wait_until(lambda: versions(settings) == dict.fromkeys(SHOPPERS, first), 60)
    second = announce_factors(settings, 2)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: versions(settings) == dict.fromkeys(SHOPPERS, second), 60)
    assert latest(read_all(settings, USER_STATES)) == states
    lists = [decode(Recommendations, r.value) for r in read_all(settings, RECOMMENDATIONS)]
    written = [(one.user_id, one.factors_version) for one in lists if one.user_id in SHOPPERS]
    assert len(written) == len(set(written)), "a list was refreshed twice to one version"
    refreshed = [one for one in lists if one.factors_version == second and one.user_id != "*"]
    assert all(one.items and one.caused_by is None for one in refreshed)


def test_new_pictures_reach_the_lists_of_idle_shoppers_and_of_everyone(
    settings, environment, tmp_path
):
    products = [worlds.product(number) for number in range(12)]
    with shop_fleet(settings, {**environment, **QUICK}, tmp_path) as fleet:
        fleet.start("preferences")
        with Publisher(settings, "/test") as publisher:
            for product in products:
                publisher.send(PRODUCTS, product, worlds.NOW)
            for number, shopper in enumerate(sorted(SHOPPERS)):
                publisher.send(FEEDBACK, click(number, shopper, products[number]), worlds.NOW)
        wait_until(lambda: versions(settings).keys() == SHOPPERS, 60)
        states = latest(read_all(settings, USER_STATES))
        for style in ("neon", "pastel"):
            with Publisher(settings, "/test") as publisher:
                for product in products:
                    picture = worlds.render(product.product_id, style)
                    publisher.send(STYLIZED, picture, worlds.NOW)
            wait_until(lambda style=style: style in styles_shown(settings, "*"), 60)
            wait_until(
                lambda style=style: all(style in styles_shown(settings, one) for one in SHOPPERS),
                60,
            )
    assert latest(read_all(settings, USER_STATES)) == states
    lists = [record for record in read_all(settings, RECOMMENDATIONS) if record.key == b"ann"]
    causes = {decode(Recommendations, record.value).caused_by for record in lists}
    assert causes == {"event-0"}, "who waits for the list of a click finds it"
    assert len(lists) <= 1 + 24 / 2, "a list is not written for each picture"


def styles_shown(settings: Settings, user_id: str) -> set[str]:
    value = latest(read_all(settings, RECOMMENDATIONS))[user_id.encode()]
    return {item.style_id for item in decode(Recommendations, value).items}


def test_lists_without_a_changed_product_are_not_written(settings):
    """Of 400 products a list shows twenty."""
    products = [worlds.product(number, categories=8) for number in range(400)]
    with Publisher(settings, "/test") as publisher:
        for product in products:
            publisher.send(PRODUCTS, product, worlds.NOW)
        for number in range(40):
            shopper, event = f"s{number}", click(number, f"s{number}", products[number])
            state = apply(empty(shopper), event, worlds.NOW, Rules())
            publisher.send(USER_STATES, state, worlds.NOW)
    with closing(PreferencesHandler(settings, threading.Event())) as handler:
        handler.assigned(partitions_of(settings, [FEEDBACK]))
        handler.idle()
        handler.committed()
        with Publisher(settings, "/test") as publisher:
            publisher.send(STYLIZED, worlds.render("product-8", "neon"), worlds.NOW)
        handler._snapshots.catch_up(threading.Event())
        handler._refresh._looked_at -= timedelta(minutes=1)
        lists = topic_name(settings, RECOMMENDATIONS)
        written = [
            output
            for output in handler.idle()
            if output.topic == lists and output.key != EVERYONE.encode()
        ]
    assert 0 < len(written) < 40
    for output in written:
        shown = {item.product_id for item in decode(Recommendations, output.value).items}
        assert "product-8" in shown


def test_a_restart_under_factors_that_have_reached_all_lists_writes_none(settings):
    """Though the group takes its time: what is read of the catalogue until then is no edition."""
    products = [worlds.product(number) for number in range(12)]
    with Publisher(settings, "/test") as publisher:
        for product in products:
            publisher.send(PRODUCTS, product, worlds.NOW)
        for number, shopper in enumerate(SHOPPERS):
            event = click(number, shopper, products[number])
            state = apply(empty(shopper), event, worlds.NOW, Rules())
            publisher.send(USER_STATES, state, worlds.NOW)
    with closing(PreferencesHandler(settings, threading.Event())) as handler:
        for _ in range(50):
            assert handler.idle() == []
            time.sleep(0.02)
        announce_factors(settings, 1, made_at=datetime.now(UTC) - 2 * YOUNG)
        handler.assigned(partitions_of(settings, [FEEDBACK]))
        written = handler.idle()
        handler.committed()
        written += handler.idle()
    lists = [
        output.key for output in written if output.topic == topic_name(settings, RECOMMENDATIONS)
    ]
    assert lists == [EVERYONE.encode()]


def test_a_partition_that_comes_back_is_not_counted_again(settings):
    product = worlds.product(1)
    with Publisher(settings, "/test") as publisher:
        publisher.send(PRODUCTS, product, worlds.NOW)
        state = apply(empty("ann"), click(1, "ann", product), datetime.now(UTC), Rules())
        publisher.send(USER_STATES, state, worlds.NOW)
    places = partitions_of(settings, [FEEDBACK])
    now = datetime.now(UTC)
    with closing(PreferencesHandler(settings, threading.Event())) as handler:
        popularity = handler._snapshots.popularity
        handler.assigned(places)
        (counted,) = popularity.priors(now).product_weights
        handler.revoked(places)
        handler.assigned(places)
        assert popularity.priors(now).product_weights == pytest.approx([counted])
    assert counted > 0
