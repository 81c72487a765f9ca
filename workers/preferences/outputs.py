"""The records of a batch: states and lists, lists that are refreshed without feedback, and demand
for missing renders.

Headers that the records of a batch share are built once, and lists come as encoded items, since
this runs for every shopper of a batch. A list is valid no longer than the first of its campaigns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import msgspec
import numpy as np

from schemas.cloudevents import Headers, shared_headers
from schemas.codec import encode
from schemas.events import Feedback, Recommendations, RecommendedItem, StyleDemand, UserState
from schemas.topics import RECOMMENDATIONS, USER_STATES, Topic
from stylecore.recommender.recommend import RecommendationBatch, recommendation_id
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.style_policy import POLICY
from stylecore.recommender.top_k import NONE
from workers.kafka.records import Output, Record, caused_headers
from workers.kafka.topics import topic_name
from workers.settings import Settings

SOURCE = "/stylecast/preferences"


class Touched(NamedTuple):
    """A changed state, and the last record that changed it."""

    record: Record
    event: Feedback
    state: UserState
    acted: bool
    """Whether an action changed it, not only impressions: then the shopper gets a new list."""


class BatchHeaders:
    """The topic name and shared headers of a batch's records of one topic."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self.topic = topic_name(settings, topic)
        self._event = topic.event
        self._headers: dict[datetime, Headers] = {}

    def headers(self, at: datetime) -> Headers:
        """Return the shared headers of records of one time."""
        found = self._headers.get(at)
        if found is None:
            found = self._headers[at] = shared_headers(self._event, source=SOURCE, at=at)
        return found


def list_event(
    settings: Settings,
    user_id: str,
    items: list[RecommendedItem] | msgspec.Raw,
    snapshot: CatalogSnapshot,
    now: datetime,
    place: tuple[int, int],
    caused_by: str | None = None,
) -> Recommendations:
    """Return a list of items, encoded or not; `place` is the partition and offset of its cause."""
    valid_until = now + timedelta(hours=settings.preferences.valid_hours)
    return Recommendations(
        user_id=user_id,
        recommendation_id=recommendation_id(user_id, *place, snapshot.version),
        items=cast("list[RecommendedItem]", items),  # msgspec writes encoded items as they are
        policy=POLICY,
        factors_version=snapshot.version,
        generated_at=now,
        valid_until=min(valid_until, snapshot.schedule.shown_until),
        caused_by=caused_by,
    )


def in_place_of_offset(now: datetime) -> int:
    """Return a number below 0, unique by millisecond, for a list that no record has caused."""
    return -int(now.timestamp() * 1000)


def shopper_outputs(
    settings: Settings,
    touched: Sequence[Touched],
    items: Iterator[bytes],
    snapshot: CatalogSnapshot,
    applied_headers: Callable[[int], Headers],
    shelf_headers: Callable[[int, str], Headers],
) -> Iterator[Output]:
    """Yield state and list of each shopper, at the time of the record that caused them.

    `items` are the encoded items of the shoppers who acted, in order. States of a partition share
    the `applied_headers`; `shelf_headers` are those of partition and shopper.
    """
    applied = {
        number: applied_headers(number)
        for number in {shopper.record.partition for shopper in touched}
    }
    states, lists = BatchHeaders(settings, USER_STATES), BatchHeaders(settings, RECOMMENDATIONS)
    for record, event, state, acted in touched:
        key, headers, now = event.user_id.encode(), caused_headers(record), record.at
        of_state = states.headers(now) + headers + applied[record.partition]
        of_state += shelf_headers(record.partition, event.user_id)
        yield _output(states, key, encode(state), of_state, record.partition)
        if acted:
            place = (record.partition, record.offset)
            encoded = msgspec.Raw(next(items))
            found = list_event(
                settings, event.user_id, encoded, snapshot, now, place, event.event_id
            )
            yield _output(lists, key, encode(found), lists.headers(now) + headers, record.partition)


def refreshed_outputs(
    settings: Settings,
    shoppers: Sequence[tuple[int, UserState]],
    items: Sequence[bytes],
    snapshot: CatalogSnapshot,
    now: datetime,
    *,
    same_products: bool,
    headers_of: Callable[[int, str], Headers],
) -> Iterator[Output]:
    """Yield lists that no record has caused, of shoppers with their partitions, and their states:
    of those only the headers have changed, `headers_of` partition and shopper.

    With `same_products`, where only pictures have changed, a list still names the shopper's last
    action as its cause: a client that waits for the list of a click finds it.
    """
    shared, states = BatchHeaders(settings, RECOMMENDATIONS), BatchHeaders(settings, USER_STATES)
    for (number, state), encoded in zip(shoppers, items, strict=True):
        raw = msgspec.Raw(encoded)
        place = (number, in_place_of_offset(now))
        last = state.recent_events[-1].event_id if same_products and state.recent_events else None
        found = list_event(settings, state.user_id, raw, snapshot, now, place, last)
        event_id, key = [("ce_id", found.recommendation_id.encode())], state.user_id.encode()
        yield _output(shared, key, encode(found), shared.headers(now) + event_id, number)
        of_state = states.headers(now) + event_id + headers_of(number, state.user_id)
        yield _output(states, key, encode(state), of_state, number)


def _output(
    shared: BatchHeaders, key: bytes, value: bytes, headers: Headers, partition: int
) -> Output:
    return Output(topic=shared.topic, key=key, value=value, headers=headers, partition=partition)


MOST_PAIRS = 200
"""Pairs of product and style that are published at once."""


class Demand:
    """The pairs of product and style that were wanted since `since`, and by whom.

    The counts are advice for the planner; those not flushed before an instance ends are lost.
    """

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._wanted: dict[tuple[str, str], set[str]] = defaultdict(set)

    def want(self, user_id: str, product_ids: Iterable[str], style_id: str) -> None:
        """Note that a shopper would like these products in the style."""
        for product_id in product_ids:
            self._wanted[product_id, style_id].add(user_id)

    def want_lacking(
        self, user_ids: Sequence[str], snapshot: CatalogSnapshot, batch: RecommendationBatch
    ) -> None:
        """Note that each shopper would like the products of the list in the favourite style, where
        they lack it and it may be shown.
        """
        favourites = batch.affinities.argmax(axis=1)
        likes = batch.affinities.max(axis=1) > 0
        lacking = snapshot.lacking[batch.rows, favourites[:, None]]
        places = np.nonzero(lacking & (batch.rows != NONE) & likes[:, None])
        rows = batch.rows[places].tolist()
        for shopper, row in zip(places[0].tolist(), rows, strict=True):
            style_id = snapshot.style_ids[favourites[shopper]]
            self.want(user_ids[shopper], (snapshot.product_ids[row],), style_id)

    def flush(self, now: datetime) -> list[StyleDemand]:
        """Return the pairs wanted most, at most MOST_PAIRS, and reset the counts."""
        most = sorted(self._wanted.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_PAIRS]
        window_start, self._since = self._since, now
        self._wanted.clear()
        return [
            StyleDemand(
                product_id=product_id,
                style_id=style_id,
                wanted=len(shoppers),
                window_start=window_start,
                window_end=now,
            )
            for (product_id, style_id), shoppers in most
        ]
