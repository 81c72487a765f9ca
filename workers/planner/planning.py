"""What the planner does with a record: bytes to events, events to records to send, and memory.

The order of a change is: send, wait until the broker has it, then remember. Killed in between,
it is done again with the same ids. How records come and go is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import UTC, datetime

import msgspec

from schemas.codec import InvalidEvent, decode
from schemas.events import Product, Style, StyleDemand, StylizeJob
from schemas.renders import Reason
from schemas.topics import JOBS, REJECTED, STYLIZED
from stylecore.plan import plan
from workers.records import Output, Record, output_of, tombstone
from workers.settings import Settings

SOURCE = "/stylecast/planner"
RECENT_JOBS = 50
DEMANDS = 1000

Bytes = MutableMapping[bytes, bytes]
Send = Callable[[Sequence[Output]], Awaitable[None]]


class PlannedProduct(msgspec.Struct, frozen=True):
    """A product with its ordered variants: style_id to variant."""

    product: Product
    planned: dict[str, str]


class Planning:
    """What is known and planned. `products` and `styles` are kept by whoever made them."""

    def __init__(
        self,
        settings: Settings,
        products: Bytes,
        styles: Bytes,
        generator: dict[str, Style],
        model: str,
    ) -> None:
        self.products = products
        self.styles = styles
        self.model = model
        self.jobs: deque[StylizeJob] = deque(maxlen=RECENT_JOBS)
        self.sent = 0
        """Records that the broker has taken; whoever sends counts them."""
        self.demand: dict[tuple[str, str], StyleDemand] = {}
        self._settings = settings
        self._generator = generator

    async def take_product(self, record: Record, send: Send) -> None:
        """A new, changed, repeated or (a tombstone) removed product. Raises InvalidEvent."""
        key = record.key or b""
        old = self._product(key)
        if record.value is None:
            await self._carry_out(key, None, old, "launch", record, send)
            return
        product = decode(Product, record.value)
        _require_key(key, product.product_id)
        await self._carry_out(key, product, old, "launch", record, send)

    async def take_style(self, record: Record, send: Send) -> None:
        """A new, changed, repeated or removed style, for all products. Raises InvalidEvent."""
        key = record.key or b""
        reason: Reason = "launch"
        if record.value is None:
            self.styles.pop(key, None)
        else:
            style = decode(Style, record.value)
            _require_key(key, style.style_id)
            reason = "campaign" if style.campaign else "launch"
            self.styles[key] = msgspec.json.encode(style)
        await self.plan_all(reason, record, send)

    async def plan_all(self, reason: Reason, cause: Record | None, send: Send) -> None:
        """Looks at every product again: the styles or the model may be others than before."""
        for key in list(self.products):
            known = self._product(key)
            if known is not None:
                await self._carry_out(key, known.product, known, reason, cause, send)

    async def take_demand(self, record: Record, send: Send) -> None:
        """Advice: shown on the page, and nothing is ordered for it yet. Raises InvalidEvent."""
        del send
        demand = decode(StyleDemand, record.value)
        self.demand.pop((demand.product_id, demand.style_id), None)
        self.demand[demand.product_id, demand.style_id] = demand
        if len(self.demand) > DEMANDS:
            del self.demand[next(iter(self.demand))]

    def offered(self) -> dict[str, Style]:
        """The styles of the shop by id; one of the generator's is replaced by its namesake."""
        catalogue = (msgspec.json.decode(value, type=Style) for value in self.styles.values())
        return {**self._generator, **{style.style_id: style for style in catalogue}}

    def planned(self) -> list[PlannedProduct]:
        """All products, by id."""
        found = (self._product(key) for key in sorted(self.products))
        return [product for product in found if product is not None]

    async def _carry_out(
        self,
        key: bytes,
        product: Product | None,
        old: PlannedProduct | None,
        reason: Reason,
        cause: Record | None,
        send: Send,
    ) -> None:
        styles = self.offered()
        before = {} if old is None else old.planned
        if product is None and old is None:
            before = dict.fromkeys(styles, "")  # forgotten here, but it may have been drawn
        at = datetime.now(UTC) if cause is None else cause.at
        todo = plan(product, styles.values(), before, model=self.model, reason=reason, at=at)
        outputs = [self._job_record(job, at, cause) for job in todo.jobs]
        for style_id in todo.withdrawn:
            outputs += self._tombstones(key, style_id, cause)
        await send(outputs)
        self.jobs.extend(todo.jobs)
        self._remember(key, product, todo.planned, old)

    def _remember(
        self,
        key: bytes,
        product: Product | None,
        planned: dict[str, str],
        old: PlannedProduct | None,
    ) -> None:
        if product is None:
            self.products.pop(key, None)
        elif (new := PlannedProduct(product, planned)) != old:
            self.products[key] = msgspec.json.encode(new)

    def _product(self, key: bytes) -> PlannedProduct | None:
        value = self.products.get(key)
        return None if value is None else msgspec.json.decode(value, type=PlannedProduct)

    def _job_record(self, job: StylizeJob, at: datetime, cause: Record | None) -> Output:
        return output_of(
            self._settings, JOBS, job, source=SOURCE, now=at, cause=cause, event_id=job.job_id
        )

    def _tombstones(self, key: bytes, style_id: str, cause: Record | None) -> list[Output]:
        place = key + b"/" + style_id.encode()
        return [tombstone(self._settings, topic, place, cause) for topic in (STYLIZED, REJECTED)]


def _require_key(key: bytes, expected: str) -> None:
    if key != expected.encode():
        raise InvalidEvent(f"the record's key is {key!r}, its event is of {expected!r}")
