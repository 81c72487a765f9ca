"""The preferences worker beside the sum of its bare parts: what its frame costs.

Bare parts, on the same events and in the same run: decoding, the states' steps, lists and encoding,
without Kafka, headers, checks, metrics or anything that belongs to a worker; and a transactional
consumer and producer that reads the events and writes records of the same number and size, without
looking at any. Both take batches of the worker's size. Seconds are the processor's, of all threads
of a process: other work on the machine changes them little.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import preferences_shop as shops
import worlds
from bench_preferences import EVENTS, OURS, PRODUCTS, SHOPPERS, WARM_UP, measured_rate
from confluent_kafka import Consumer
from preferences_shop import LOOK, Shop, open_shop
from rows import Row, row

from schemas.codec import decode, decode_all, encode
from schemas.events import Feedback, UserState
from schemas.topics import FEEDBACK, RECOMMENDATIONS, USER_STATES
from stylecore.recommender.encode import ListEncoder
from stylecore.recommender.recommend import rank
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.state import apply_all, empty
from workers.broker import local_broker
from workers.kafka.clients import group_consumer, transactional_producer
from workers.kafka.topics import topic_name
from workers.preferences.state import gc_frozen, raise_gc_threshold
from workers.preferences.worker import rules_of

GOAL = 1.5

Outputs = list[tuple[str, bytes, bytes]]
"""Topic, key and value of the records of a batch."""


def preferences_cost() -> Row:
    """Microseconds of the processor an event."""
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        shop = open_shop(broker.bootstrap_servers, Path(folder), "cost", SHOPPERS, PRODUCTS)
        events = shops.click_stream(shop, LOOK, WARM_UP + EVENTS, seed=17)
        ours = measured_rate(shop, OURS, events)
        batches, computed = bare_computing(shop, events[:EVENTS])
        moved = bare_moving(shop, batches)
    parts = {"computing_us": computed / EVENTS * 1e6, "moving_us": moved / EVENTS * 1e6}
    return row(
        "preferences_cost",
        ours.cpu_us,
        "us/event",
        "the sum of its bare parts",
        sum(parts.values()),
        at_most=GOAL,
        events_per_second=round(ours.events_per_second),
        **{name: round(value, 2) for name, value in parts.items()},
    )


def bare_computing(shop: Shop, events: Sequence[Feedback]) -> tuple[list[Outputs], float]:
    """What each batch brings, and the seconds that computing all of it takes."""
    settings = shop.settings
    rules, choice_rules = rules_of(settings.preferences)
    factors = shops.factors_of(shop)
    shelf = arrange(
        worlds.catalogue(shop.products), factors, factors.priors, choice_rules, worlds.NOW
    )
    names = [topic_name(settings, topic) for topic in (USER_STATES, RECOMMENDATIONS)]
    encoder, batches = ListEncoder(shelf), []
    with gc_frozen():
        states = {
            key.decode(): decode(UserState, value) for key, value in shops.state_records(shop)
        }
        values = [encode(event) for event in events]
    raise_gc_threshold()
    started = time.process_time()
    size = settings.preferences.batch_records
    for first in range(0, len(values), size):
        by_shopper: dict[str, list[tuple[Feedback, datetime]]] = {}
        for event in decode_all(Feedback, values[first : first + size]):
            by_shopper.setdefault(event.user_id, []).append((event, event.occurred_at))
        changed: dict[str, UserState] = {}
        acted: list[str] = []
        for user_id, steps in by_shopper.items():
            found = apply_all(states.get(user_id) or empty(user_id), steps, rules)
            if found.changed is not None:
                states[user_id] = changed[user_id] = found.state
            if found.acted is not None:
                acted.append(user_id)
        now = events[first].occurred_at
        touched = [changed[user_id] for user_id in acted]
        lists = encoder.encode(rank(touched, shelf, now, rules, choice_rules))
        batches.append(
            [(names[0], user.encode(), encode(state)) for user, state in changed.items()]
            + [(names[1], user.encode(), items) for user, items in zip(acted, lists, strict=True)]
        )
    return batches, time.process_time() - started


def bare_moving(shop: Shop, batches: list[Outputs]) -> float:
    """Seconds to read as many events and to write these records, a transaction a batch."""
    settings = shop.settings
    producer = transactional_producer(settings, "bare")
    producer.init_transactions(30)
    size = settings.preferences.batch_records
    with closing(group_consumer(settings, "bare")) as consumer:
        consumer.subscribe([topic_name(settings, FEEDBACK)])
        consumer.consume(1, 30)
        started = time.process_time()
        for outputs in batches:
            metadata = consumer.consumer_group_metadata()
            _read(consumer, size)
            producer.begin_transaction()
            for topic, key, value in outputs:
                producer.produce(topic, key=key, value=value)
            offsets = [
                place for place in consumer.position(consumer.assignment()) if place.offset > 0
            ]
            producer.send_offsets_to_transaction(offsets, metadata, 30)
            producer.commit_transaction(30)
        return time.process_time() - started


def _read(consumer: Consumer, size: int) -> None:
    left = size
    while left and (found := consumer.consume(left, 1.0)):
        left -= sum(message.value() is not None for message in found)


FIGURES = {"preferences_cost": preferences_cost}


if __name__ == "__main__":
    print(json.dumps(preferences_cost()), flush=True)
