"""What the planner orders, withdraws and lets wait, by the test's own clock and without Kafka."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from schemas.codec import decode, encode
from schemas.events import Campaign, Product, Style, StyleDemand, StylizeJob
from schemas.topics import JOBS, PRODUCTS, STYLIZED
from stylecore.recommender.engagement_prior import NO_PRIORS, EngagementPrior
from stylecore.recommender.render_plan import (
    UnknownStyle,
    generator_styles,
)
from stylecore.times import TimeOutOfRange
from workers.kafka.records import Record
from workers.kafka.topics import topic_name
from workers.planner.planning import TOGETHER, Planning, Shop
from workers.settings import load_settings

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OWN = generator_styles({"ink-line": "Ink", "neon": "Neon"})
THEME = Style(
    style_id="lights",
    label="Lights",
    weights={"neon": 0.5, "ink-line": 0.5},
    campaign=Campaign(starts_at=START + 48 * HOUR, ends_at=START + 96 * HOUR),
)


class Shopkeeper:
    """A planner whose clock, tables and broker are the test's."""

    def __init__(self, **planner) -> None:
        self.settings = load_settings(planner=planner)
        self.now = START
        self.products: dict[bytes, bytes] = {}
        self.styles: dict[bytes, bytes] = {}
        self.sent = []
        self.start()

    def start(self) -> None:
        """As after a restart: the tables are there, the rest is not."""
        shop = Shop(self.products, self.styles, OWN)
        self.sends = 0
        self.planning = Planning(self.settings, shop, "1", lambda: self.now, OWN)
        asyncio.run(self.planning.plan_all("launch", None, self.send))

    async def send(self, outputs) -> None:
        self.sent += outputs
        self.sends += bool(outputs)

    def take(self, event, version="") -> None:
        key = getattr(event, "product_id", None) or event.style_id
        takes = {
            Product: self.planning.take_product,
            Style: self.planning.take_style,
            StyleDemand: self.planning.take_demand,
        }
        asyncio.run(takes[type(event)](record_of(key, encode(event)), self.send, version))

    def remove_style(self, style_id: str) -> None:
        asyncio.run(self.planning.take_style(record_of(style_id, None), self.send))

    def wait(self, time: timedelta) -> None:
        """The time passes, and the planner looks at the campaigns."""
        self.now += time
        asyncio.run(self.planning.plan_campaigns(self.send))

    def spend(self, time: timedelta) -> None:
        """The time passes, and the planner looks at its budget."""
        self.now += time
        asyncio.run(self.planning.order(self.send))

    def jobs(self) -> list[StylizeJob]:
        return [decode(StylizeJob, output.value) for output in self.sent if is_of(output, JOBS)]

    def ordered(self) -> list[tuple[str, str, str]]:
        """Product, style and reason."""
        return [
            (job.product_id, style.style_id, job.reason)
            for job in self.jobs()
            for style in job.styles
        ]

    def withdrawn(self) -> list[bytes]:
        return [output.key for output in self.sent if is_of(output, STYLIZED)]


def record_of(key: str, value: bytes | None) -> Record:
    place = {"topic": "any", "partition": 0, "offset": 0, "timestamp_ms": 0}
    return Record(key=key.encode(), value=value, raw_headers=[], **place)


def is_of(output, topic) -> bool:
    return output.topic.endswith(topic.name)


def product(product_id: str, **more) -> Product:
    values = {"title": "Mug", "category": "mug", "image_uri": "mug.jpg", **more}
    return Product(product_id=product_id, **values)


def wanted(product_id: str, style_id: str, shoppers: int) -> StyleDemand:
    window = {"window_start": START, "window_end": START}
    return StyleDemand(product_id=product_id, style_id=style_id, wanted=shoppers, **window)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_campaigns_pictures_are_ordered_before_it_and_gone_after_it(restarts):
    keeper = Shopkeeper(campaign_lead_hours=24)
    keeper.take(product("mug-1"))
    keeper.take(THEME)
    keeper.wait(23 * HOUR)
    assert len(keeper.jobs()) == 1  # the launch: the theme is not due yet

    keeper.wait(HOUR)
    assert keeper.ordered()[2:] == [("mug-1", "lights", "campaign")]
    keeper.take(product("mug-2"))
    assert ("mug-2", "lights", "launch") in keeper.ordered()
    orders = len(keeper.jobs())

    if restarts:
        keeper.now = START + 95 * HOUR
        keeper.start()
    keeper.wait(START + 96 * HOUR - timedelta(seconds=1) - keeper.now)
    assert (len(keeper.jobs()), keeper.withdrawn()) == (orders, [])
    keeper.wait(timedelta(seconds=1))
    assert (len(keeper.jobs()), keeper.withdrawn()) == (orders, [b"mug-1/lights", b"mug-2/lights"])
    keeper.wait(1000 * HOUR)
    assert (len(keeper.jobs()), len(keeper.withdrawn())) == (orders, 2)


def test_an_end_that_passed_while_it_was_down_is_made_up_for():
    keeper = Shopkeeper(campaign_lead_hours=100)
    keeper.take(product("mug-1"))
    keeper.take(THEME)
    assert ("mug-1", "lights", "campaign") in keeper.ordered()
    keeper.now = START + 200 * HOUR
    keeper.start()
    assert keeper.withdrawn() == [b"mug-1/lights"]


def test_a_theme_that_takes_a_styles_place_gives_it_back():
    keeper = Shopkeeper(campaign_lead_hours=24)
    keeper.take(product("mug-1"))
    keeper.take(Style(**{**as_values(THEME), "style_id": "neon"}))
    for hours in (48, 48):
        keeper.wait(hours * HOUR)
    weights = [
        style.definition.weights
        for job in keeper.jobs()
        for style in job.styles
        if style.style_id == "neon"
    ]
    assert weights == [{"neon": 1.0}, THEME.weights, {"neon": 1.0}]
    assert keeper.withdrawn() == []


def as_values(style: Style) -> dict:
    return {name: getattr(style, name) for name in style.__struct_fields__}


def test_under_a_budget_no_more_is_ordered_than_it_allows_and_in_the_end_everything():
    keeper = Shopkeeper(renders_per_minute=6)
    for number in range(5):
        keeper.take(product(f"mug-{number}"))
    assert keeper.jobs() == []
    for _ in range(59):
        keeper.spend(timedelta(seconds=1))
    assert len(keeper.ordered()) == 5
    for _ in range(120):
        keeper.spend(timedelta(seconds=1))
    assert sorted(keeper.ordered()) == [
        (f"mug-{number}", style_id, "launch") for number in range(5) for style_id in sorted(OWN)
    ]
    assert len(keeper.planning.budget.queue) == 0


def test_what_shoppers_want_is_ordered_first_and_says_so():
    keeper = Shopkeeper(renders_per_minute=60)
    for number in range(5):
        keeper.take(product(f"mug-{number}"))
    keeper.take(wanted("mug-3", "neon", 2))
    keeper.take(wanted("mug-4", "ink-line", 7))
    keeper.take(wanted("mug-4", "unheard-of", 9))
    keeper.spend(timedelta(seconds=3))
    assert keeper.ordered() == [
        ("mug-4", "ink-line", "demand"),
        ("mug-3", "neon", "demand"),
        ("mug-0", "ink-line", "launch"),
    ]


def test_a_campaign_that_is_near_goes_before_all_else():
    keeper = Shopkeeper(renders_per_minute=60, campaign_lead_hours=50)
    keeper.take(product("mug-1"))
    keeper.take(wanted("mug-1", "neon", 100))
    keeper.take(THEME)
    keeper.spend(timedelta(seconds=1))
    assert keeper.ordered() == [("mug-1", "lights", "campaign")]


def test_a_prior_says_what_comes_first_with_a_budget_and_without():
    prior = EngagementPrior(
        replace(
            NO_PRIORS,
            product_ids=("mug-1",),
            product_weights=np.array([90], dtype=np.float32),
            categories=("mug",),
            style_ids=("ink-line", "neon", "pastel", "pop-art", "sepia"),
            category_style=np.array([[0, 900, 0, 0, 0]], dtype=np.float32),
        )
    )
    keeper = Shopkeeper(renders_per_minute=60)
    keeper.take(product("mug-1"))
    keeper.planning.use_prior(prior, "p-1")
    keeper.spend(timedelta(seconds=1))
    assert keeper.ordered() == [("mug-1", "neon", "launch")]

    at_once = Shopkeeper()
    at_once.planning.use_prior(prior, "p-1")
    for style_id in ("pastel", "pop-art", "sepia"):
        at_once.take(Style(style_id=style_id, label="A style", weights={"neon": 0.5}))
    at_once.take(product("mug-1"))
    assert [[style.style_id for style in job.styles] for job in at_once.jobs()] == [
        ["ink-line", "neon", "pastel"],
        ["pop-art", "sepia"],
    ]


def test_what_waited_before_a_restart_waits_after_it_and_nothing_else():
    keeper = Shopkeeper(renders_per_minute=60)
    keeper.take(product("mug-1"))
    keeper.take(product("mug-2"))
    keeper.spend(timedelta(seconds=1))
    keeper.start()
    assert len(keeper.planning.budget.queue) == 3
    for _ in range(5):
        keeper.spend(timedelta(seconds=1))
    ordered = [pair for *pair, _ in keeper.ordered()]
    assert sorted(ordered) == [[name, style] for name in ("mug-1", "mug-2") for style in OWN]


def test_a_budget_that_is_lifted_orders_the_rest_at_once():
    keeper = Shopkeeper(renders_per_minute=60)
    keeper.take(product("mug-1"))
    keeper.spend(timedelta(seconds=1))
    keeper.settings = load_settings()
    keeper.start()
    assert [pair for *pair, _ in keeper.ordered()] == [["mug-1", "ink-line"], ["mug-1", "neon"]]


def test_a_send_that_fails_is_neither_planned_nor_paid_for():
    keeper = Shopkeeper(renders_per_minute=60)
    keeper.take(product("mug-1"))

    async def refuse(_outputs) -> None:
        raise OSError("away")

    keeper.now += timedelta(seconds=1)
    with pytest.raises(OSError, match="away"):
        asyncio.run(keeper.planning.order(refuse))
    keeper.spend(timedelta(0))
    assert keeper.ordered() == [("mug-1", "ink-line", "launch")]


def test_another_photo_waits_and_the_old_picture_goes_only_with_its_product():
    keeper = Shopkeeper(renders_per_minute=60)
    keeper.take(product("mug-1"))
    for _ in range(2):
        keeper.spend(timedelta(seconds=1))
    keeper.take(product("mug-1", image_uri="better.jpg"))
    assert (len(keeper.planning.budget.queue), keeper.withdrawn()) == (2, [])
    asyncio.run(keeper.planning.take_product(record_of("mug-1", None), keeper.send))
    assert keeper.withdrawn() == [b"mug-1/ink-line", b"mug-1/neon"]
    keeper.spend(timedelta(seconds=9))
    assert (len(keeper.planning.budget.queue), len(keeper.jobs())) == (0, 2)


YEAR_1 = Campaign(
    starts_at=datetime(1, 1, 1, tzinfo=UTC), ends_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
)


def test_a_campaign_from_year_1_is_refused_and_one_taken_before_ends_nothing():
    keeper = Shopkeeper()
    keeper.take(product("mug-1"))
    endless = msgspec.structs.replace(THEME, campaign=YEAR_1)
    with pytest.raises(TimeOutOfRange, match="starts_at 0001-01-01"):
        keeper.take(endless)
    assert {style for _, style, _ in keeper.ordered()} == set(OWN)

    keeper.styles[b"lights"] = encode(endless)  # as an older planner kept it
    keeper.start()
    keeper.wait(HOUR)
    keeper.remove_style("lights")
    assert b"lights" not in keeper.styles


LIKE = Style(style_id="like", label="Like", reference_uri="like.jpg")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("planner", [{}, {"renders_per_minute": 1000}])
def test_a_photo_of_another_version_is_ordered_again_under_another_id(planner, restarted):
    shop = Shopkeeper(**planner)

    def publish(version):
        shop.take(product("mug"), version)
        if restarted:
            shop.start()
        shop.spend(HOUR)
        return len(shop.jobs())

    assert [publish(version) for version in ("v1", "v1", "", "v2", "v2", "", "v1")] == [
        *(1, 1, 1),
        *(2, 2, 2),
        3,
    ]
    ids = [job.job_id for job in shop.jobs()]
    assert ids[0] == ids[2] != ids[1]
    assert {job.image_uri for job in shop.jobs()} == {"mug.jpg"}


def test_a_version_that_was_not_known_before_is_drawn_once_for_nobody_knows_what_lay_there():
    shop = Shopkeeper()
    for version, count in (("", 1), ("", 1), ("v1", 2), ("v1", 2)):
        shop.take(product("mug"), version)
        assert len(shop.jobs()) == count


def test_another_address_forgets_the_version():
    shop = Shopkeeper()
    shop.take(product("mug"), "v1")
    shop.take(product("mug", image_uri="other.jpg"), "")
    shop.take(product("mug"), "")
    assert len(shop.jobs()) == 3


@pytest.mark.parametrize("restarted", [False, True])
def test_a_reference_of_another_version_is_drawn_again_for_all_products(restarted):
    shop = Shopkeeper()
    for number in range(2):
        shop.take(product(f"mug-{number}"), "p")
    ordered = []
    for version in ("v1", "v1", "", "v2", ""):
        shop.take(LIKE, version)
        if restarted:
            shop.start()
        ordered.append(sum(style == "like" for _, style, _ in shop.ordered()))
    assert ordered == [2, 2, 2, 4, 4]


def test_a_removed_product_is_not_planned_again_by_its_event_in_another_partition():
    keeper = Shopkeeper()
    topic = topic_name(keeper.settings, PRODUCTS)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    mug = encode(product("mug-1"))
    for partition, value, at in ((0, mug, 0), (0, None, 9), (3, mug, 5), (3, mug, 10)):
        record = replace_record(record_of("mug-1", value), topic, partition, now_ms + at)
        asyncio.run(keeper.planning.take_product(record, keeper.send))
        known = keeper.planning.shop.product(b"mug-1")
        assert (known is not None) == (at in (0, 10))


def replace_record(record: Record, topic: str, partition: int, at: int) -> Record:
    return msgspec.structs.replace(record, topic=topic, partition=partition, timestamp_ms=at)


def test_a_style_of_an_unknown_generator_style_is_refused_once_and_not_once_a_product():
    shop = Shopkeeper()
    for number in range(3):
        shop.take(product(f"product-{number}"))
    before = len(shop.sent)
    for weights in ({"van-dogh": 1.0}, {"neon": 0.5, "?": 0.5}):
        with pytest.raises(
            UnknownStyle, match=r"the generator has no style .*; it has ink-line, n"
        ):
            shop.take(Style(style_id="typo", label="Typo", weights=weights))
    assert len(shop.sent) == before
    assert not shop.styles


def test_a_style_for_many_products_waits_for_the_broker_a_few_times_only():
    shop = Shopkeeper()
    products = 2 * TOGETHER + 1
    for number in range(products):
        shop.take(product(f"product-{number}"))
    shop.sends, before = 0, len(shop.sent)
    shop.take(Style(style_id="theme", label="Theme", weights={"neon": 1.0}))
    assert shop.sends == 3
    assert len(shop.sent) - before == products


@pytest.mark.parametrize("is_caused", [False, True])
def test_a_product_whose_planning_fails_does_not_keep_back_the_others(monkeypatch, is_caused):
    """By itself; a style that causes it is refused, and the shop stays as it was."""
    shop = Shopkeeper()
    for number in range(3):
        shop.take(product(f"product-{number}"))
    decide = Planning._update_of

    def faulty(self, key, *given):
        if key == b"product-1":
            raise ZeroDivisionError
        return decide(self, key, *given)

    monkeypatch.setattr(Planning, "_update_of", faulty)
    before = len(shop.sent)
    theme = Style(style_id="theme", label="Theme", weights={"neon": 1.0})
    shop.planning.model = "1" if is_caused else "2"
    with pytest.raises(ZeroDivisionError):
        shop.take(theme) if is_caused else asyncio.run(
            shop.planning.plan_all("launch", None, shop.send)
        )
    assert b"theme" not in shop.styles
    assert len(shop.sent) - before == (0 if is_caused else 2)
