"""What the planner does with a record: bytes to events, events to records to send, and tables.

Shop holds the two tables: products with what is ordered of them, and published styles. Planning
compares what is on offer with what is ordered.

A change is sent, then waited for until the broker has it, then remembered. After a kill in between
it is done again with the same ids. Under a budget nothing is ordered at once: missing pictures wait
in the queue, and `order` sends the best as the budget allows. What is not remembered as ordered is
found again after a restart.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.codec import decode, decode_id, require_key
from schemas.events import Product, Style, StyleDemand, StylizeJob
from schemas.images import Reason
from schemas.topics import JOBS, REJECTED, STYLIZED
from stylecore.recommender.engagement_prior import EngagementPrior
from stylecore.recommender.render_plan import (
    OfferedStyle,
    jobs_of,
    on_offer,
    plan,
    require_known,
    variant_of,
    without_jobs,
)
from stylecore.times import check_times
from workers.kafka.records import Output, Record, output_of, tombstone
from workers.kafka.table import newest_by_key
from workers.planner.budget import Order, RenderBudget
from workers.settings import Settings

Table = MutableMapping[bytes, bytes]
SOURCE = "/stylecast/planner"
RECENT_JOBS = 50
TOGETHER = 100
"""Products whose records are sent together, to wait for the broker once.

Faust pauses its input while more changes of its tables than this wait to be sent.
"""
DEMANDS = 1000
Send = Callable[[Sequence[Output]], Awaitable[None]]
Clock = Callable[[], datetime]


class PlannedProduct(msgspec.Struct, frozen=True):
    """A product with its ordered variants by style_id."""

    product: Product
    planned: dict[str, str]
    photo: str = ""
    """Version of the photo's bytes for which they were ordered; '' where unknown."""


class Shop:
    """Products by key, and styles: the generator's own and published ones."""

    def __init__(self, products: Table, styles: Table, generator: dict[str, Style]) -> None:
        self.products = products
        self.styles = styles
        self._generator = generator

    def put_style(self, key: bytes, style: OfferedStyle | None) -> None:
        """Enter a new or changed style, or remove a withdrawn one (None)."""
        self.restore_style(key, None if style is None else msgspec.json.encode(style))

    def style(self, key: bytes) -> OfferedStyle | None:
        """Return a published style."""
        value = self.styles.get(key)
        return None if value is None else msgspec.json.decode(value, type=OfferedStyle)

    def restore_style(self, key: bytes, value: bytes | None) -> None:
        """Restore the value from before `put_style`; None where there was none."""
        if value is None:
            self.styles.pop(key, None)
        else:
            self.styles[key] = value

    def offered(self, now: datetime, lead: timedelta) -> dict[str, Style]:
        """Return the styles on offer at `now`; a campaign's from `lead` before its start."""
        published = (
            msgspec.json.decode(value, type=OfferedStyle) for value in self.styles.values()
        )
        return on_offer(self._generator, published, now, lead)

    def product(self, key: bytes) -> PlannedProduct | None:
        """Return what is known of a product."""
        value = self.products.get(key)
        return None if value is None else msgspec.json.decode(value, type=PlannedProduct)

    def all_products(self) -> Iterator[tuple[bytes, PlannedProduct]]:
        """Yield the products that exist at the first step, ordered by key."""
        for key in sorted(self.products):
            known = self.product(key)
            if known is not None:
                yield key, known

    def remember(
        self, key: bytes, product: Product | None, planned: dict[str, str], photo: str
    ) -> None:
        """Enter what is ordered of a product; None deletes it."""
        if product is None:
            self.products.pop(key, None)
        elif (new := PlannedProduct(product, planned, photo)) != self.product(key):
            self.products[key] = msgspec.json.encode(new)


class _Update(NamedTuple):
    """Records to send for a product, and what the table gets once the broker has them."""

    outputs: list[Output]
    jobs: Sequence[StylizeJob]
    key: bytes
    product: Product | None
    planned: dict[str, str]
    photo: str


class Planning:
    """Plans the pictures of a shop, with the generator of the version `model`."""

    def __init__(
        self,
        settings: Settings,
        shop: Shop,
        model: str,
        clock: Clock,
        generator_styles: Collection[str] | None = None,
    ) -> None:
        """`generator_styles` are those of the generator; with None, any style is accepted."""
        self.shop = shop
        self.model = model
        self.jobs: deque[StylizeJob] = deque(maxlen=RECENT_JOBS)
        self.sent = 0
        """Records that the broker has accepted, counted by the sender."""
        self.demand: dict[tuple[str, str], StyleDemand] = {}
        self.factors_version: str | None = None
        self.budget = RenderBudget.of(settings, clock)
        self._settings = settings
        self._lead = timedelta(hours=settings.planner.campaign_lead_hours)
        self._clock = clock
        self._generator_styles = generator_styles
        self._prior = EngagementPrior()
        self._planned_for: dict[str, Style] | None = None
        self._newest = newest_by_key(settings)

    async def take_product(self, record: Record, send: Send, version: str = "") -> None:
        """Plan a new, changed, repeated or (tombstone) removed product. Raises InvalidEvent.

        `version` is that of the photo's bytes, '' where it cannot be read now.
        """
        if not self._newest.accepts(record):
            return
        key = record.key or b""
        product = None
        if record.value is None:
            decode_id(key)
        else:
            product = decode(Product, record.value)
            require_key(key, product.product_id)
        update = self._update_of(key, product, self.offered(), "launch", record, version)
        await self._send_updates([update], send)

    async def take_style(self, record: Record, send: Send, version: str = "") -> None:
        """Plan all products for a new, changed, repeated or removed style.

        `version` is that of its reference picture's bytes, '' where there is none or it cannot be
        read now. Raises InvalidEvent or UnknownStyle.
        """
        if not self._newest.accepts(record):
            return
        key = record.key or b""
        reason: Reason = "launch"
        style = None
        if record.value is None:
            decode_id(key)
        else:
            style = decode(OfferedStyle, record.value)
            require_key(key, style.style_id)
            check_times(style, self._clock())
            if self._generator_styles is not None:
                require_known(style, self._generator_styles)
            reason = "campaign" if style.campaign else "launch"
            old = self.shop.style(key)
            if not version and old is not None and old.reference_uri == style.reference_uri:
                version = old.reference_version
            style = replace(style, reference_version=version)
        before = self.shop.styles.get(key)
        self.shop.put_style(key, style)
        try:
            await self.plan_all(reason, record, send)
        except Exception:
            # Else every later product would fail over this style.
            self.shop.restore_style(key, before)
            raise

    async def plan_all(self, reason: Reason, cause: Record | None, send: Send) -> None:
        """Plan every product again: styles or the model may have changed.

        Without a causing record, a product whose planning fails does not stop the others: its
        exception is raised after them.
        """
        styles = self.offered()
        failed: Exception | None = None
        updates: list[_Update] = []
        for key, known in self.shop.all_products():
            try:
                updates.append(self._update_of(key, known.product, styles, reason, cause))
            except Exception as problem:
                if cause is not None:
                    raise
                failed = problem
            if len(updates) == TOGETHER:
                await self._send_updates(updates, send)
                updates = []
            await asyncio.sleep(0)  # yield to other tasks even if there is nothing to send
        await self._send_updates(updates, send)
        self._planned_for = styles
        if failed is not None:
            raise failed

    async def plan_campaigns(self, send: Send) -> None:
        """Plan all products again if the styles on offer have changed since the last time."""
        if self.offered() != self._planned_for:
            await self.plan_all("campaign", None, send)

    async def take_demand(self, record: Record, send: Send, version: str = "") -> None:
        """Show demand, and raise the value of a waiting picture. Raises InvalidEvent."""
        del send, version
        demand = decode(StyleDemand, record.value)
        self.demand.pop((demand.product_id, demand.style_id), None)
        self.demand[demand.product_id, demand.style_id] = demand
        if len(self.demand) > DEMANDS:
            del self.demand[next(iter(self.demand))]
        if self.budget is not None:
            self.budget.want(demand)

    def use_prior(self, prior: EngagementPrior, version: str) -> None:
        """Use the priors of new factors."""
        self._prior, self.factors_version = prior, version
        if self.budget is not None:
            self.budget.queue.use_prior(prior)

    async def order(self, send: Send) -> None:
        """Order the best waiting pictures that the budget allows now."""
        if self.budget is None:
            return
        styles = self.offered()
        for order in self.budget.orders():
            await self._send_order(order, styles, send)
            self.budget.done(order)

    def offered(self) -> dict[str, Style]:
        """Return the styles on offer now, by id."""
        return self.shop.offered(self._clock(), self._lead)

    def _update_of(
        self,
        key: bytes,
        product: Product | None,
        styles: Mapping[str, Style],
        reason: Reason,
        cause: Record | None,
        photo: str = "",
    ) -> _Update:
        """Return what to send for a product and what to remember of it."""
        old = self.shop.product(key)
        before = {} if old is None else old.planned
        if not photo and old and product and old.product.image_uri == product.image_uri:
            photo = old.photo
        if product is None and old is None:
            before = dict.fromkeys(styles, "")  # not in the table, but it may have been drawn
        at = self._clock() if cause is None else cause.at
        todo = plan(
            product,
            styles.values(),
            before,
            model=self.model,
            reason=reason,
            at=at,
            prior=self._prior,
            photo=photo,
        )
        if self.budget is not None:
            missing = [styles[style_id] for style_id in todo.missing]
            self.budget.enqueue(key.decode(errors="replace"), product, missing, self._lead)
            todo = without_jobs(todo, before)
        outputs = [self._job_record(job, at, cause) for job in todo.jobs]
        outputs += [
            tombstone(self._settings, topic, key + b"/" + style_id.encode(), cause)
            for style_id in todo.withdrawn
            for topic in (STYLIZED, REJECTED)
        ]
        return _Update(outputs, todo.jobs, key, product, todo.planned, photo)

    async def _send_updates(self, updates: Sequence[_Update], send: Send) -> None:
        """Send updates together, and enter them into the table when the broker has them."""
        if not updates:
            return
        await send([output for update in updates for output in update.outputs])
        for update in updates:
            self.jobs.extend(update.jobs)
            self.shop.remember(update.key, update.product, update.planned, update.photo)

    async def _send_order(self, order: Order, styles: Mapping[str, Style], send: Send) -> None:
        """Order pictures, without those that are no longer on offer."""
        key = order.product_id.encode()
        known = self.shop.product(key)
        chosen = [styles[name] for name in sorted(order.style_ids) if name in styles]
        if known is None or not chosen:
            return
        product, at = known.product, self._clock()
        jobs = jobs_of(product, chosen, self.model, order.reason, at, known.photo)
        await send([self._job_record(job, at, None) for job in jobs])
        self.jobs.extend(jobs)
        new = {s.style_id: variant_of(product, s, self.model, known.photo) for s in chosen}
        self.shop.remember(key, product, {**known.planned, **new}, known.photo)

    def _job_record(self, job: StylizeJob, at: datetime, cause: Record | None) -> Output:
        return output_of(
            self._settings, JOBS, job, source=SOURCE, now=at, cause=cause, event_id=job.job_id
        )


def photo_of(record: Record) -> str | None:
    """Return the address of the photo in a product's record, None for a tombstone."""
    return decode(Product, record.value).image_uri if record.value is not None else None


def reference_of(record: Record) -> str | None:
    """Return the address of the reference picture in a style's record, None without one."""
    return decode(Style, record.value).reference_uri if record.value is not None else None
