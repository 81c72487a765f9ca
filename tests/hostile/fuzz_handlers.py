"""Hostile records through whole handlers: batches, keys, headers and timestamps bent at once.

The catalogue that preferences follows is bent as well. Nothing but Transient may be raised, each
record has at most one dead letter, and every dead letter fits its topic.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import TopicPartition
from hostile.event_mutants import hostile_record
from msgspec.structs import replace

from schemas.codec import InvalidEvent, decode
from schemas.events import Feedback, Product
from schemas.generate import FOLDER
from schemas.topics import FEEDBACK, JOBS, POSTER_REQUESTS, PRODUCTS, STYLES, STYLIZED, Topic
from stylecore.storage.store import Store
from workers.kafka.assignment import Handler
from workers.kafka.dead_letters import PREFIX, TOPIC_BYTES, DeadLetterOutputs, is_dead_letter
from workers.kafka.loop import checked_times
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Record, partition_of
from workers.kafka.topics import topic_name
from workers.posters import BATCH_REQUESTS, posters_handlers
from workers.preferences.worker import PreferencesHandler
from workers.settings import Settings
from workers.stylize import stylize_handlers

HANDLED = (FEEDBACK, JOBS, POSTER_REQUESTS)
FOLLOWED = (PRODUCTS, STYLES, STYLIZED)
PARTITIONS = 4
BATCHES = {FEEDBACK.name: 500, JOBS.name: 50, POSTER_REQUESTS.name: BATCH_REQUESTS}


def fuzz_handler(settings: Settings, topic: Topic, count: int, first: int = 0) -> dict[str, int]:
    """Hostile records of a topic through its worker's handler; what came of them.

    Raises AssertionError where a promise is broken, and whatever else a handler raises.
    """
    chance = random.Random(f"{topic.name} {first}")
    letters = DeadLetterOutputs("fuzz", Store(settings.store.uri))
    found: Counter[str] = Counter()
    with _handler(settings, topic) as handler:
        handler.assigned([TopicPartition(name, n) for name in handler.topics for n in range(4)])
        end, start = first + count, first
        while start < end:
            size = min(chance.randint(1, 2 * BATCHES[topic.name]), end - start)
            numbers = range(start, start + size)
            batch = [_record(settings, topic, number, chance) for number in numbers]
            start += size
            if isinstance(handler, PreferencesHandler):
                _bend_catalogue(settings, handler, chance)
            timely, dead = checked_times(batch, time.time() * 1000)
            outputs = letters.fitted(dead + handler.process(timely), time.time() * 1000)
            _require_promises(batch, outputs)
            found["dead_letters"] += sum(map(is_dead_letter, outputs))
            found["outputs"] += len(outputs)
            if chance.random() < 0.8:
                handler.committed()
            else:
                handler.aborted()
            handler.idle()
    return {"records": count, **found}


def _record(settings: Settings, topic: Topic, number: int, chance: random.Random) -> Record:
    """A hostile record on this cluster; half of the feedback lies where its shopper's owner is."""
    record = replace(hostile_record(topic, number), topic=topic_name(settings, topic))
    if topic is FEEDBACK and chance.random() < 0.5:
        try:
            key = decode(Feedback, record.value).user_id.encode()
        except InvalidEvent:
            return record
        return replace(record, key=key, partition=partition_of(key, PARTITIONS))
    return record


def _bend_catalogue(settings: Settings, handler: Any, chance: random.Random) -> None:
    """Hostile products, styles and renders among what is followed."""
    follower = handler._snapshots._follower
    for topic in FOLLOWED:
        for _ in range(3):
            record = hostile_record(topic, chance.randrange(10**9))
            follower._take([replace(record, topic=topic_name(settings, topic))])


def _require_promises(batch: list[Record], outputs: list[Output]) -> None:
    places = {(str(it.partition).encode(), str(it.offset).encode()) for it in batch}
    seen: Counter[tuple[bytes, bytes]] = Counter()
    for output in filter(is_dead_letter, outputs):
        headers = dict(output.headers)
        seen[headers[f"{PREFIX}partition"], headers[f"{PREFIX}offset"]] += 1
        size = len(output.key or b"") + len(output.value or b"")
        assert size + sum(len(value) for _, value in output.headers) < TOPIC_BYTES
    assert seen.keys() <= places
    assert not seen or max(seen.values()) == 1


@contextmanager
def _handler(settings: Settings, topic: Topic) -> Iterator[Handler]:
    stop = threading.Event()
    product = decode(Product, (FOLDER / "golden" / "Product.v1.json").read_bytes())
    feedback = decode(Feedback, (FOLDER / "golden" / "Feedback.v1.json").read_bytes())
    with Publisher(settings, "/fuzz") as publisher:
        known = replace(product, product_id=feedback.product_id)
        for each in (product, known):
            publisher.send(PRODUCTS, each, datetime.now(UTC))
    if topic is FEEDBACK:
        with closing(PreferencesHandler(settings, stop)) as handler:
            yield handler
        return
    handlers = stylize_handlers if topic is JOBS else posters_handlers
    with handlers(settings, stop) as make_handler, closing(make_handler()) as handler:
        yield handler
