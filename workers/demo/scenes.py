"""Scenes of a merchandiser, played through the topics: one function a scenario.

A new product, a campaign, a classic work as a style, a brand's colours, an advertisement, and more
demand than the budget of renders allows. Each publishes events, waits for the results on the
topics, and reports figures and pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import Struct

from schemas.codec import decode
from schemas.events import (
    ORIGINAL,
    Campaign,
    PosterRendered,
    PosterRequest,
    Product,
    Recommendations,
    RejectedImage,
    Style,
    StyleDemand,
    StylizedImage,
    StylizeJob,
)
from schemas.topics import (
    DEMAND,
    JOBS,
    POSTER_REQUESTS,
    POSTERS,
    PRODUCTS,
    REJECTED,
    STYLES,
    STYLIZED,
    TOPICS,
    Topic,
    dead_letter_topic,
)
from stylecore.storage.store import Store
from workers.demo.fleet import Fleet
from workers.demo.inputs import classic_work, logo
from workers.demo.shoppers import Shopping
from workers.kafka.dead_letters import PREFIX
from workers.kafka.producer import Publisher
from workers.kafka.records import Record, tombstone
from workers.kafka.table import (
    TableFollower,
    TableReader,
    partitions_of,
    partitions_of_names,
    read_partitions,
)
from workers.kafka.topics import topic_name
from workers.settings import Settings

Event = TypeVar("Event", bound=Struct)


class Gallery:
    """The renders and rejections so far, by product and style."""

    def __init__(self, settings: Settings) -> None:
        self.published: dict[tuple[str, str], StylizedImage] = {}
        self.rejected: dict[tuple[str, str], RejectedImage] = {}
        tables = {
            STYLIZED.name: partial(_put, self.published, StylizedImage),
            REJECTED.name: partial(_put, self.rejected, RejectedImage),
        }
        follower = TableFollower(settings, "demo", tables)
        self.wait, self.close = follower.wait, follower.close


def _put(table: dict[tuple[str, str], Event], event: type[Event], record: Record) -> None:
    product_id, _, style_id = (record.key or b"").decode().partition("/")
    table.pop((product_id, style_id), None)
    if record.value is not None:
        table[product_id, style_id] = decode(event, record.value)


def read_dead_letters(settings: Settings) -> list[dict[str, str]]:
    """Return topic, key and reasons of every dead letter, oldest first."""
    names = [
        topic_name(settings, dead_letter_topic(topic.name))
        for topic in TOPICS
        if topic.dead_letters_of
    ]
    records = read_partitions(settings, partitions_of_names(settings, names))
    return [
        {
            "dead_letter_topic": record.topic,
            "key": (record.key or b"").decode(errors="replace"),
            **{
                name.removeprefix(PREFIX): value.decode(errors="replace")
                for name, value in record.headers
                if name.startswith(PREFIX)
            },
        }
        for record in sorted(records, key=lambda record: record.timestamp_ms)
    ]


PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Scene:
    """How a scenario went."""

    name: str
    text: str
    figures: dict[str, float]
    pictures: list[tuple[str, str]] = field(default_factory=list)
    """Captions and addresses."""


@dataclass(frozen=True)
class Stage:
    """The running shop, and the products of one category with which the scenes play."""

    settings: Settings
    workers: Fleet
    publisher: Publisher
    gallery: Gallery
    guests: Shopping
    """Shoppers who come for the scenes alone."""
    products: list[Product]
    styles: list[str]
    """Of the generator, at least two."""

    @property
    def category(self) -> str:
        """Of the scenes' products."""
        return self.products[0].category

    def publish(self, topic: Topic, event: Struct) -> None:
        """Publish an event now."""
        self.publisher.send(topic, event, datetime.now(UTC))
        self.publisher.flush()

    def wait_until(self, is_true: Callable[[], bool], problem: str) -> None:
        """Wait, following the renders. Raises StylecastError after PATIENCE_SECONDS."""
        self.workers.wait_until(is_true, problem, PATIENCE_SECONDS, lambda: self.gallery.wait(0.1))

    def is_drawn(self, product: Product, style_id: str) -> bool:
        """Return whether the render was published, or rejected by the gate."""
        pair = (product.product_id, style_id)
        return pair in self.gallery.published or pair in self.gallery.rejected

    def wait_for_style(self, style_id: str) -> list[tuple[str, str]]:
        """Wait for the products' renders; return captions and addresses of the published ones."""
        self.wait_until(
            lambda: all(self.is_drawn(product, style_id) for product in self.products),
            f"the pictures in {style_id} do not come",
        )
        found = self.gallery.published
        return [
            (product.title, found[product.product_id, style_id].image_uri)
            for product in self.products
            if (product.product_id, style_id) in found
        ]

    def jobs_of(self, product: Product) -> list[StylizeJob]:
        """Return the jobs of a product, the first one first."""
        key = product.product_id.encode()
        records = read_partitions(self.settings, partitions_of(self.settings, [JOBS]))
        return [
            decode(StylizeJob, record.value)
            for record in sorted(records, key=lambda record: record.offset)
            if record.key == key and record.value is not None
        ]

    def ordered_at(self, product: Product, style_id: str) -> datetime | None:
        """Return when the picture was ordered for the first time, None if it was not."""
        orders = (
            job.requested_at
            for job in self.jobs_of(product)
            if style_id in {request.style_id for request in job.styles}
        )
        return min(orders, default=None)

    def demand(self) -> set[tuple[str, str]]:
        """Return what shoppers wait for, by product and style, as far as the planner knows."""
        plan = msgspec.json.decode(self.workers.page("planner", "/plan.json"))
        return {(wanted["product_id"], wanted["style_id"]) for wanted in plan["demand"]}

    def lists(self, looks: int) -> Iterator[Recommendations]:
        """Yield what the guests see in as many looks now."""
        before = {user_id: len(visit.shown) for user_id, visit in self.guests.visits.items()}
        self.guests.go_on(looks, lambda _: None)
        for user_id, visit in self.guests.visits.items():
            yield from visit.shown[before[user_id] :]

    def share_of(self, style_id: str, looks: int, since: datetime) -> float:
        """Return the style's share of the scenes' products in what guests see now, 0 to 1.

        Only lists made at `since` or later count: the first look may see an older one.
        """
        ours = {product.product_id for product in self.products}
        styles = [
            item.style_id
            for shown in self.lists(looks + 1)
            if shown.generated_at >= since
            for item in shown.items
            if item.product_id in ours
        ]
        return styles.count(style_id) / len(styles) if styles else 0.0

    def sleep_until(self, moment: datetime) -> None:
        """Wait; workers that end are restarted."""
        self.workers.wait_until(lambda: datetime.now(UTC) >= moment, "", math.inf)

    def poster(self, poster_id: str) -> PosterRendered:
        """Wait for a poster. Raises StylecastError where it does not come."""
        key, found = poster_id.encode(), list[bytes]()
        places = partitions_of(self.settings, [POSTERS])
        with closing(TableReader(self.settings, places)) as reader:
            self.workers.wait_until(
                lambda: bool(found),
                "the poster does not come",
                PATIENCE_SECONDS,
                lambda: found.extend(r.value for r in reader.wait(0.2) if r.key == key and r.value),
            )
        return decode(PosterRendered, found[0])


LEAD_SECONDS, WINDOW_SECONDS = 6.0, 10.0
"""From a campaign's event to its start, and from there to its end."""
BRAND = ["#0a3d62", "#f8efba", "#e55039"]
SIZES = ["1080x1080", "1080x1920", "1200x628"]
RENDERS_A_MINUTE = 30
DEMANDED = 2
DEMANDED_BY = 25
"""Distinct shoppers, as preferences would count them."""


def play(stage: Stage, newcomer: Product | None) -> Iterator[Scene]:
    """Play all scenes, one after the other."""
    if newcomer is not None:
        yield new_product(stage, newcomer)
    for scene in (campaign, classic_style, brand, poster, demand):
        yield scene(stage)


def new_product(stage: Stage, newcomer: Product) -> Scene:
    """Add a product: it is drawn in the styles that its category likes first, and shown."""
    stage.publish(PRODUCTS, newcomer)
    stage.wait_until(
        lambda: all(stage.is_drawn(newcomer, style) for style in stage.styles),
        "the new product's pictures do not come",
    )
    first, *_ = stage.jobs_of(newcomer)
    order = [request.style_id for request in first.styles]
    order += [style for style in stage.styles if style not in order]
    lists = list(stage.lists(looks=4))
    showing = [
        shown for shown in lists if newcomer.product_id in {i.product_id for i in shown.items}
    ]
    published = stage.gallery.published
    return Scene(
        name="new product",
        text=f"{newcomer.title} came into a running shop. It was ordered in "
        f"{', '.join(request.style_id for request in first.styles)} first, which shoppers of "
        f"{newcomer.category} like most, and stood in {len(showing)} of the next {len(lists)} "
        "lists: places are kept for what is new.",
        figures={"lists": len(lists), "lists_with_it": len(showing)},
        pictures=[
            (style, published[newcomer.product_id, style].image_uri)
            for style in order
            if (newcomer.product_id, style) in published
        ],
    )


def campaign(stage: Stage) -> Scene:
    """Run a campaign: its theme is drawn before it starts, preferred while it lasts, then gone."""
    starts = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    ends = starts + timedelta(seconds=WINDOW_SECONDS)
    first, second = stage.styles[:2]
    theme = Style(
        style_id="festival",
        label="Festival",
        weights={first: 0.5, second: 0.5},
        categories=[stage.category],
        campaign=Campaign(starts_at=starts, ends_at=ends, priority=50),
    )
    stage.publish(STYLES, theme)
    pictures = stage.wait_for_style(theme.style_id)
    drawn_early = (starts - datetime.now(UTC)).total_seconds()
    before = stage.share_of(theme.style_id, looks=1, since=datetime.now(UTC))
    stage.sleep_until(starts)
    within = stage.share_of(theme.style_id, looks=5, since=starts)
    stage.sleep_until(ends)
    after = stage.share_of(theme.style_id, looks=2, since=ends)
    return Scene(
        name="campaign",
        text=f"A theme for {stage.category}, {WINDOW_SECONDS:.0f} seconds long. Its pictures were "
        f"there {drawn_early:.0f} seconds before it began. Of what was shown of {stage.category} "
        f"it had {100 * before:.0f} % before, {100 * within:.0f} % within, and "
        f"{100 * after:.0f} % afterwards.",
        figures={"before": before, "within": within, "after": after, "drawn_early_s": drawn_early},
        pictures=pictures,
    )


def classic_style(stage: Stage) -> Scene:
    """Publish a picture's strokes and colours as a style."""
    address, _ = Store(stage.settings.store.uri).put_blob("uploads", classic_work(), ".png")
    style = Style(
        style_id="composition",
        label="Composition",
        reference_uri=address,
        categories=[stage.category],
    )
    stage.publish(STYLES, style)
    pictures = stage.wait_for_style(style.style_id)
    return Scene(
        name="a classic work as a style",
        text="A composition in red, yellow and blue was given as a style by its picture alone.",
        figures={"pictures": len(pictures)},
        pictures=[("the work", address), *pictures],
    )


def brand(stage: Stage) -> Scene:
    """Lay a brand's colours over a style; the product keeps its own."""
    style = Style(
        style_id="house-colours",
        label="House colours",
        weights={stage.styles[0]: 1.0},
        palette=BRAND,
        keep_product_colour=True,
        categories=[stage.category],
    )
    stage.publish(STYLES, style)
    pictures = stage.wait_for_style(style.style_id)
    return Scene(
        name="brand",
        text=f"{', '.join(BRAND)} were laid over {stage.styles[0]}; products keep their colour.",
        figures={"pictures": len(pictures)},
        pictures=pictures,
    )


def poster(stage: Stage) -> Scene:
    """Order an advertisement in the usual sizes, with the brand's logo and exact colours."""
    product = stage.products[0]
    drawn = [s for s in stage.styles if (product.product_id, s) in stage.gallery.published]
    shown = drawn[0] if drawn else ORIGINAL
    address, _ = Store(stage.settings.store.uri).put_blob("uploads", logo(BRAND), ".png")
    request = PosterRequest(
        poster_id="demo",
        product_id=product.product_id,
        style_id=shown,
        headline=f"{product.title}: new this week · 本周新品",
        price="$24.90",
        sizes=SIZES,
        logo_uri=address,
        palette=BRAND,
    )
    stage.publish(POSTER_REQUESTS, request)
    made = stage.poster(request.poster_id)
    return Scene(
        name="ad poster",
        text=f"{product.title} in {shown}, as an advertisement in {len(made.images)} sizes.",
        figures={"pictures": len(made.images)},
        pictures=sorted(made.images.items()),
    )


def demand(stage: Stage) -> Scene:
    """Set a budget of renders: what shoppers wait for is drawn first."""
    stage.workers.restart("planner", STYLECAST_PLANNER__RENDERS_PER_MINUTE=str(RENDERS_A_MINUTE))
    stage.workers.wait_ready("planner")
    style = Style(
        style_id="limited",
        label="Limited",
        weights={stage.styles[1]: 1.0},
        seed=7,
        categories=[stage.category],
    )
    demanded = stage.products[-DEMANDED:]
    now = datetime.now(UTC)
    for product in demanded:
        wanted = StyleDemand(
            product_id=product.product_id,
            style_id=style.style_id,
            wanted=DEMANDED_BY,
            window_start=now - timedelta(seconds=10),
            window_end=now,
        )
        stage.publisher.send(DEMAND, wanted, now)
    stage.publisher.flush()
    stage.wait_until(
        lambda: {(p.product_id, style.style_id) for p in demanded} <= stage.demand(),
        "the planner does not hear what shoppers wait for",
    )
    stage.publish(STYLES, style)
    stage.wait_until(
        lambda: all(stage.is_drawn(product, style.style_id) for product in demanded),
        "the pictures that shoppers wait for do not come",
    )
    others = [product for product in stage.products if product not in demanded]
    last = max(filter(None, (stage.ordered_at(product, style.style_id) for product in demanded)))
    before = sum(
        at is not None and at < last
        for at in (stage.ordered_at(product, style.style_id) for product in others)
    )
    # A picture in hand while its style is withdrawn would be published afterwards, and stay.
    stage.wait_until(
        lambda: all(stage.is_drawn(product, style.style_id) for product in stage.products),
        "the pictures that are not in demand do not come",
    )
    stage.publisher.send_raw(tombstone(stage.settings, STYLES, style.style_id.encode()))
    stage.publisher.flush()
    stage.workers.restart("planner", STYLECAST_PLANNER__RENDERS_PER_MINUTE="")
    return Scene(
        name="demand",
        text=f"{len(stage.products)} pictures of a new style were wanted and {RENDERS_A_MINUTE} a "
        f"minute allowed. The {len(demanded)} for which shoppers waited were ordered when {before} "
        f"of the other {len(others)} had been.",
        figures={"waiting": len(stage.products), "others_before": before},
    )
