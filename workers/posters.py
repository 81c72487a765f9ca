"""The posters worker: requests in, advertisements out.

The flow of a batch of posters.requests.v1, in PostersHandler.process:

1. read products and renders to their present end, so that nothing is called missing too early
2. decode; what is invalid becomes a dead letter
3. compose (stylecore.poster) the product's newest render in the style, or its photo for `original`;
   a request that cannot be met becomes a dead letter, to be replayed when the render exists
4. publish posters.rendered.v1, the offsets in the same transaction; a tombstone deletes the poster

The same request over the same render gives the same bytes, and so the same address.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from schemas.codec import InvalidEvent, decode, decode_id
from schemas.events import PosterRequest
from schemas.topics import POSTER_REQUESTS, POSTERS, PRODUCTS, STYLIZED
from stylecore.errors import Permanent
from stylecore.poster.logo import decode_logo
from stylecore.poster.order import PosterContext, pictures_of
from stylecore.storage.store import Store
from workers.catalog import PosterTable
from workers.kafka.assignment import Handler
from workers.kafka.dead_letters import dead_letter
from workers.kafka.loop import run_worker
from workers.kafka.records import Output, Record, output_of, tombstone
from workers.kafka.retry import require_going, until_topics
from workers.kafka.topics import topic_name
from workers.pictures import FetchBudget, loader, make_decoder
from workers.settings import Settings
from workers.telemetry import Health

WORKER = "posters"
SOURCE = "/stylecast/posters"
BATCH_REQUESTS = 1
"""A poster of three sizes takes seconds, and a host that does not answer must not use up the time
of other requests."""
PHOTO_SIDE = 256
"""Minimum short side at which photos and renders are decoded, px."""
LARGEST_SIDE = 4096
"""Maximum short side of a decoded render, px."""


def run_posters(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Run the worker until `stop` is set. Raises Permanent where a topic is missing."""
    topics = (POSTER_REQUESTS, POSTERS, PRODUCTS, STYLIZED)
    until_topics(settings, [topic_name(settings, topic) for topic in topics], stop)
    with posters_handlers(settings, stop) as make_handler:
        run_worker(
            settings,
            WORKER,
            make_handler,
            batch_records=BATCH_REQUESTS,
            health=health,
            stop=stop,
        )


@contextmanager
def posters_handlers(
    settings: Settings, stop: threading.Event
) -> Iterator[Callable[[], PostersHandler]]:
    """Yield a function that makes handlers, which share a decoder."""
    with closing(make_decoder(settings, 1, PHOTO_SIDE, LARGEST_SIDE)) as decoder:
        store = Store(settings.store.uri)
        budget = FetchBudget(settings.photos.patience_seconds)
        context = PosterContext(
            load_photo=loader(settings, store, stop, decoder.decode, budget),
            load_logo=loader(settings, store, stop, decode_logo, budget),
            store=store,
        )
        yield lambda: PostersHandler(settings, context, PosterTable(settings), stop, budget)


class PostersHandler(Handler):
    """Turns requests into posters. It keeps no state but the tables, which it follows."""

    def __init__(
        self,
        settings: Settings,
        context: PosterContext,
        table: PosterTable,
        stop: threading.Event,
        budget: FetchBudget,
    ) -> None:
        self._budget = budget
        self._settings = settings
        self._context = context
        self._table = table
        self._stop = stop
        self.topics = (topic_name(settings, POSTER_REQUESTS),)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Return for each record of a batch a poster, a tombstone or a dead letter.

        Raises Transient where the store is down, or `stop` is set before the last poster.
        """
        now = datetime.now(UTC)
        self._table.catch_up(self._stop)
        self._budget.renew()
        outputs = []
        for record in records:
            try:
                if record.value is None:
                    key = decode_id(record.key).encode()
                    outputs.append(tombstone(self._settings, POSTERS, key, record))
                else:
                    request = decode(PosterRequest, record.value)
                    outputs.append(self._output_of(request, record, now))
            except InvalidEvent as problem:
                outputs.append(dead_letter(record, "decode", problem))
        return outputs

    def _output_of(self, request: PosterRequest, cause: Record, now: datetime) -> Output:
        require_going(self._stop)
        try:
            rendered = pictures_of(request, self._context, self._table, now)
        except Permanent as problem:
            return dead_letter(cause, "poster", problem)
        return output_of(
            self._settings,
            POSTERS,
            rendered,
            source=SOURCE,
            now=now,
            cause=cause,
            event_id=f"{cause.topic}/{cause.partition}/{cause.offset}",
        )

    def idle(self) -> list[Output]:
        """Follow the tables, so that the next request has little to read."""
        self._table.follow()
        return []

    def close(self) -> None:
        """Close the tables' connection."""
        self._table.close()
