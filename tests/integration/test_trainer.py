"""The trainer refits by records or time, from the last factors, and keeps a worse refit back."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import worlds
from integration.shop import read_all

from schemas.codec import decode
from schemas.events import ModelAnnouncement, UserState
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, USER_STATES
from stylecore.recommender import factors as artifact
from stylecore.recommender.als import FitSettings
from stylecore.recommender.refit import refit
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply, empty
from stylecore.storage.store import Store
from workers.factors import announce as use
from workers.factors import factor_versions, latest_version, version_in_use
from workers.kafka.producer import Publisher
from workers.telemetry import REFITS
from workers.trainer import Trainer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

TASTES, GOODS, SHOPPERS = 4, 48, 120


class Clock:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_it_refits_when_there_is_enough_new_or_when_it_is_time(settings, clock):
    open_shop(settings)
    everyone = people(datetime.now(UTC))
    publish_states(settings, everyone)
    with closing(trainer_of(settings, clock, refit_records=5, refit_seconds=100)) as trainer:
        trainer.restore()
        (first,) = after_steps(settings, trainer)
        assert (first.parent, first.metrics["users"]) == (None, SHOPPERS)

        publish_states(settings, everyone[:4])
        assert after_steps(settings, trainer) == [first]
        publish_states(settings, everyone[4:5])
        second = after_steps(settings, trainer)[-1]
        assert second.parent == first.version

        clock.now = 99
        publish_states(settings, everyone[:1])
        assert after_steps(settings, trainer)[-1] == second
        clock.now = 100
        third = after_steps(settings, trainer)[-1]
        assert third.parent == second.version
        assert 0 < third.metrics["overlap_at_10"] <= 1


def test_it_writes_down_what_its_search_found(settings, clock, tmp_path):
    open_shop(settings)
    publish_states(settings, people(datetime.now(UTC)))
    with closing(trainer_of(settings, clock, search_seconds=60)) as trainer:
        trainer.restore()
        (first,) = after_steps(settings, trainer)
    path = Store(settings.store.uri).local_file(first.uri, tmp_path)
    figures = artifact.load(path, first.sha256).figures
    assert figures.keys() >= {"width", "search_questions", "search_recall_at_10"}
    assert figures.items() <= first.metrics.items()


def test_a_refit_that_foresees_the_last_hour_worse_is_told_and_not_announced(settings, clock):
    open_shop(settings)
    now = datetime.now(UTC)
    everyone = people(now)
    parent = fitted(everyone, now - timedelta(hours=2))
    announce(settings, parent)
    publish_states(settings, [one_more(state, place, now) for place, state in enumerate(everyone)])
    before = REFITS.labels("worse")._value.get()
    with closing(trainer_of(settings, clock, factors=1, iterations=3)) as trainer:
        trainer.restore()
        clock.now = settings.trainer.refit_seconds
        after_steps(settings, trainer)
    assert REFITS.labels("worse")._value.get() == before + 1
    assert [news.version for news in announced(settings)] == [parent.version]


def test_a_version_that_is_pinned_stays_and_the_next_refit_starts_from_it(settings, clock):
    open_shop(settings)
    everyone = people(datetime.now(UTC))
    publish_states(settings, everyone)
    with closing(trainer_of(settings, clock, refit_records=5, refit_seconds=100)) as trainer:
        trainer.restore()
        (first,) = after_steps(settings, trainer)
        publish_states(settings, everyone[:5])
        second = after_steps(settings, trainer)[-1]
        assert latest_version(settings) == second.version

        use(settings, first.version, datetime.now(UTC), pinned=True)
        before = REFITS.labels("pinned")._value.get()
        clock.now = 100
        publish_states(settings, everyone[:5])
        assert after_steps(settings, trainer)[-1].version == first.version
        assert REFITS.labels("pinned")._value.get() == before + 1
        assert [row["version"] for row in factor_versions(settings) if row["pinned"]] == [
            first.version
        ]

        use(settings, version_in_use(settings), datetime.now(UTC), pinned=False)
        publish_states(settings, everyone[:5])
        third = after_steps(settings, trainer)[-1]
        assert (third.parent, third.pinned) == (first.version, False)
        assert not any(row["pinned"] for row in factor_versions(settings))


@pytest.mark.parametrize("least", [{"least_products": GOODS + 1}, {"least_shoppers": SHOPPERS + 1}])
def test_too_few_products_or_shoppers_are_fitted_to_nothing(settings, clock, least):
    open_shop(settings)
    publish_states(settings, [*people(datetime.now(UTC)), empty("passer-by")])
    before = REFITS.labels("too_few")._value.get()
    with closing(trainer_of(settings, clock, **least)) as trainer:
        trainer.restore()
        assert after_steps(settings, trainer) == []
    assert REFITS.labels("too_few")._value.get() == before + 1


def after_steps(settings, trainer):
    """What has been announced once the trainer has read all that there is."""
    for _ in range(4):
        trainer.step()
    return announced(settings)


def trainer_of(settings, clock, **changes):
    wanted = settings.trainer.model_copy(
        update={"least_shoppers": 2, "search_seconds": 0, **changes}
    )
    return Trainer(settings.model_copy(update={"trainer": wanted}), threading.Event(), clock)


def people(now):
    """Of four tastes; five hours ago each took five of the twelve products of one taste."""
    random = np.random.default_rng(0)
    states = []
    for number in range(SHOPPERS):
        state, at = empty(f"u{number}"), now - timedelta(hours=5)
        for product in random.choice(of_taste(number), 5, replace=False).tolist():
            event = worlds.feedback(state.user_id, f"product-{product}", at=at)
            state = apply(state, event, at, Rules())
        states.append(state)
    return states


def one_more(state: UserState, number: int, now: datetime) -> UserState:
    """Half an hour ago the shopper took one more of the same taste."""
    known = {item.product_id for item in state.interactions}
    left = [f"product-{n}" for n in of_taste(number) if f"product-{n}" not in known]
    at = now - timedelta(minutes=30)
    event = worlds.feedback(state.user_id, left[number % len(left)], at=at)
    return apply(state, event, at, Rules())


def of_taste(number):
    return np.arange(number % TASTES, GOODS, TASTES)


def fitted(states, at):
    shop = worlds.catalogue(GOODS, categories=1)
    found = refit(states, shop, None, lambda _: None, FitSettings(width=6), Rules(), at)
    assert found is not None
    return found.factors


def open_shop(settings):
    with Publisher(settings, "/test") as publisher:
        for number in range(GOODS):
            publisher.send(PRODUCTS, worlds.product(number, categories=1), datetime.now(UTC))


def publish_states(settings, states):
    with Publisher(settings, "/test") as publisher:
        for state in states:
            publisher.send(USER_STATES, state, datetime.now(UTC))


def announce(settings, factors):
    content = artifact.encode(factors)
    uri, digest = Store(settings.store.uri).put_blob("models", content, artifact.SUFFIX)
    news = ModelAnnouncement(
        name="preferences",
        version=factors.version,
        uri=uri,
        sha256=digest,
        made_at=datetime.now(UTC),
    )
    with Publisher(settings, "/test") as publisher:
        publisher.send(PREFERENCE_MODELS, news, datetime.now(UTC))


def announced(settings):
    return [decode(ModelAnnouncement, news.value) for news in read_all(settings, PREFERENCE_MODELS)]
