"""Factors that must not be used are kept out of a running worker: the old ones stay."""

import dataclasses
import urllib.request
from datetime import UTC, datetime

import numpy as np
import pytest
import worlds
from helpers import wait_until
from integration.shop import click, latest, publish_products, read_all, shop_fleet

from schemas.codec import decode
from schemas.events import ModelAnnouncement, Recommendations
from schemas.topics import FEEDBACK, PREFERENCE_MODELS, RECOMMENDATIONS
from stylecore.recommender import factors as artifact
from stylecore.storage.store import Store
from workers.kafka.producer import Publisher

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


def test_the_old_factors_stay_until_good_ones_come(settings, environment, tmp_path):
    products = publish_products(settings, 4)
    first, second, third = (worlds.factors(4, 2, np.random.default_rng(seed)) for seed in range(3))
    announce(settings, first)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        fleet.wait_ready("preferences")
        assert version_after_a_click(settings, 1, products) == first.version

        announce(settings, second, sha256="0" * 64)
        wait_until(lambda: rejected(fleet) == 1, 60)
        assert version_after_a_click(settings, 2, products) == first.version

        too_long = dataclasses.replace(second, product_ids=(*second.product_ids, "one-more"))
        announce(settings, too_long)
        wait_until(lambda: rejected(fleet) == 2, 60)
        assert version_after_a_click(settings, 3, products) == first.version
        assert f'stylecast_factors_version{{version="{first.version}"}} 1.0' in metrics(fleet)

        announce(settings, third)
        wait_until(lambda: third.version in metrics(fleet), 60)
        assert version_after_a_click(settings, 4, products) == third.version
        assert rejected(fleet) == 2


def announce(settings, factors, **changes):
    """Store and announce them; what is wrong with them nobody checks on this way."""
    content = artifact.encode(factors)
    uri, digest = Store(settings.store.uri).put_blob("models", content, artifact.SUFFIX)
    news = {"version": factors.version, "uri": uri, "sha256": digest, **changes}
    announced = ModelAnnouncement(name="preferences", made_at=datetime.now(UTC), **news)
    with Publisher(settings, "/test") as publisher:
        publisher.send(PREFERENCE_MODELS, announced, datetime.now(UTC))


def version_after_a_click(settings, number, products):
    """The factor version of the list that a new shopper's click brings."""
    user_id = f"shopper-{number}"
    with Publisher(settings, "/test") as publisher:
        publisher.send(FEEDBACK, click(number, user_id, products[0]), datetime.now(UTC))
    wait_until(lambda: user_id.encode() in latest(read_all(settings, RECOMMENDATIONS)), 60)
    found = latest(read_all(settings, RECOMMENDATIONS))[user_id.encode()]
    return decode(Recommendations, found).factors_version


def metrics(fleet):
    address = f"http://127.0.0.1:{fleet.ports['preferences']}/metrics"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def rejected(fleet):
    name = 'stylecast_factors_rejected_total{worker="preferences"} '
    return sum(
        float(line.removeprefix(name))
        for line in metrics(fleet).splitlines()
        if line.startswith(name)
    )
