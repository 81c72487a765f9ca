"""A shop on a real broker for benchmarks: catalogue, factors, shoppers' states, and a click stream.

What is measured on it is not known here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
import worlds  # noqa: E402
from bench_refit import states  # noqa: E402
from msgspec.structs import replace  # noqa: E402

from schemas.codec import encode  # noqa: E402
from schemas.events import Feedback, ModelAnnouncement, UserState  # noqa: E402
from schemas.topics import (  # noqa: E402
    FEEDBACK,
    PREFERENCE_MODELS,
    PRODUCTS,
    STYLIZED,
    USER_STATES,
)
from stylecore.recommender import factors as artifact  # noqa: E402
from stylecore.recommender.factors import Factors  # noqa: E402
from stylecore.recommender.rules import Rules  # noqa: E402
from stylecore.recommender.state import counts_of  # noqa: E402
from stylecore.recommender.style_policy import POLICY  # noqa: E402
from stylecore.storage.store import Store  # noqa: E402
from workers.kafka.producer import Publisher  # noqa: E402
from workers.kafka.records import Output  # noqa: E402
from workers.kafka.topics import apply_topics, topic_name  # noqa: E402
from workers.settings import Settings, load_settings  # noqa: E402

FACTORS = 64
SOURCE = "/benchmark"
ACTIONS = {"click": 0.75, "cart": 0.125, "purchase": 0.05, "dismiss": 0.075}
LOOK, SHELF = 4, 20
"""Pictures seen for each action: few for a shop, so that actions weigh; and a list of 20 with one
action, still more than shops see.
"""
TEMPLATES = 5_000
LOOKS_LATER = 500
"""The action on what a look showed comes after so many looks of other shoppers."""


@dataclass(frozen=True)
class Shop:
    """What the workers of one shop are started with, and its size."""

    settings: Settings
    environment: dict[str, str]
    folder: Path
    shoppers: int
    products: int


@contextmanager
def publisher_of(shop: Shop) -> Iterator[Publisher]:
    """A publisher whose records are all delivered when the block is left."""
    with Publisher(shop.settings, SOURCE) as publisher:
        yield publisher


def open_shop(
    bootstrap_servers: str,
    folder: Path,
    name: str,
    shoppers: int,
    products: int,
    *,
    filled: bool = True,
    fitted: int | None = None,
) -> Shop:
    """Topics under the prefix `name`, with catalogue in all styles, factors and shoppers' states
    where they shall be filled.

    A shop on its first day has no pictures; its factors know only the first `fitted` products, and
    with 0 there are neither factors nor states.
    """
    settings = load_settings(
        kafka={"bootstrap_servers": bootstrap_servers, "topic_prefix": f"{name}."},
        store={"uri": str(folder / "store")},
        worker={"instance": "bench"},
    )
    environment = {
        "OPENBLAS_NUM_THREADS": "1",
        "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "STYLECAST_KAFKA__TOPIC_PREFIX": f"{name}.",
        "STYLECAST_STORE__URI": str(folder / "store"),
        "STYLECAST_WORKER__INSTANCE": "bench",
    }
    shop = Shop(settings, environment, folder, shoppers, products)
    apply_topics(settings)
    if not filled:
        return shop
    with publisher_of(shop) as publisher:
        _publish_catalogue(shop, publisher, fitted)
        topic = topic_name(settings, USER_STATES)
        for key, value in state_records(shop) if fitted != 0 else ():
            publisher.send_raw(Output(topic=topic, key=key, value=value))
    return shop


def state_records(shop: Shop) -> Iterator[tuple[bytes, bytes]]:
    """Keys and states, with 1 to 50 products each by Zipf's law, eleven on average.

    TEMPLATES are made, the rest are theirs under other names: a million take seconds.
    """
    made = states(min(shop.shoppers, TEMPLATES), shop.products, np.random.default_rng(5))
    ends = [encode(_with_counts(state)).partition(b",")[2] for state in made]
    for number in range(shop.shoppers):
        key = b"user-%d" % number
        yield key, b'{"user_id":"%b",%b' % (key, ends[number % len(ends)])


def _with_counts(state: UserState) -> UserState:
    return replace(state, style_counts=counts_of(state, worlds.NOW, Rules()))


def publish_feedback(shop: Shop, events: list[Feedback]) -> None:
    """All of it, delivered."""
    with publisher_of(shop) as publisher:
        for event in events:
            publisher.send(FEEDBACK, event, event.occurred_at)


def click_stream(shop: Shop, look: int, count: int, seed: int) -> list[Feedback]:
    """Events of the shop's shoppers and products, both drawn with shares of 1/rank^0.8.

    A storefront sends the `look` pictures that a shopper sees together; an action of that shopper
    on one of them comes later, LOOKS_LATER looks of others after it.
    """
    random = np.random.default_rng(seed)
    looks = count // (look + 1) + 1
    users = _zipf(shop.shoppers, looks, random).tolist()
    products = _zipf(shop.products, looks * max(look, 1), random).reshape(looks, -1)
    styles = random.integers(len(worlds.STYLES), size=products.shape)
    places = random.integers(products.shape[1], size=looks).tolist()
    kinds = random.choice(list(ACTIONS), size=looks, p=list(ACTIONS.values())).tolist()
    shelves = np.stack([products, styles], axis=2).tolist()
    now, stream = datetime.now(UTC), []

    def happened(kind: str, number: int, place: int) -> Feedback:
        product, style = shelves[number][place]
        return Feedback(
            event_id=f"{seed}-{len(stream)}",
            user_id=f"user-{users[number]}",
            kind=kind,
            product_id=f"product-{product}",
            style_id=worlds.STYLES[style],
            occurred_at=now + timedelta(microseconds=len(stream)),
            recommendation_id=f"{seed:06x}{number:018x}",
            position=place,
            propensity=0.25,
            policy=POLICY,
        )

    for number in range(looks):
        acting = (number - LOOKS_LATER) % looks
        seen = [("impression", number, place) for place in range(look)]
        for step in (*seen, (kinds[acting], acting, places[acting])):
            stream.append(happened(*step))  # noqa: PERF401 (an event's number is its place)
    return stream[:count]


def factors_of(shop: Shop, fitted: int | None = None) -> Factors:
    """The factors that the shop announces, of the first products or of all."""
    return worlds.factors(fitted or shop.products, FACTORS, np.random.default_rng(1))


def _zipf(size: int, count: int, random: np.random.Generator) -> np.ndarray:
    bounds = np.cumsum(np.arange(1, size + 1) ** -0.8)
    return np.searchsorted(bounds, random.random(count) * bounds[-1])


def _publish_catalogue(shop: Shop, publisher: Publisher, fitted: int | None) -> None:
    for number in range(shop.products):
        publisher.send(PRODUCTS, worlds.product(number), worlds.NOW)
        for style in worlds.STYLES if fitted is None else ():
            publisher.send(STYLIZED, worlds.render(f"product-{number}", style), worlds.NOW)
    if fitted == 0:
        return
    factors = factors_of(shop, fitted)
    store = Store(shop.settings.store.uri)
    content = artifact.encode(factors)
    uri, digest = store.put_blob("models/preferences", content, artifact.SUFFIX)
    announced = ModelAnnouncement(
        name="preferences", version=factors.version, uri=uri, sha256=digest, made_at=worlds.NOW
    )
    publisher.send(PREFERENCE_MODELS, announced, worlds.NOW)
