"""A worker that is stopped or killed in the middle loses nothing and doubles nothing."""

import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import TopicPartition
from helpers import wait_until
from integration.shop import (
    click,
    input_of,
    latest,
    publish_products,
    read_all,
    read_dead_letters_of,
    shop_fleet,
)
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.events import Feedback, StyleDefinition, StyleRequest, StylizeJob, UserState
from schemas.topics import (
    FEEDBACK,
    JOBS,
    PRODUCTS,
    RECOMMENDATIONS,
    REJECTED,
    STYLIZED,
    USER_STATES,
    dead_letter_topic,
)
from stylecore.recommender.state import apply, empty
from workers.kafka.clients import table_consumer, transactional_producer
from workers.kafka.dead_letters import PREFIX
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Record
from workers.kafka.topics import topic_name
from workers.kafka.transaction import Aborted, commit_batch
from workers.lag import collect_lag
from workers.preferences.worker import rules_of
from workers.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

EVENTS, SHOPPERS = 1200, 40
STYLES = ("watercolour", "ink-line", "neon")


def test_feedback_is_in_the_state_once_whatever_happens_to_the_worker(
    settings, environment, tmp_path
):
    products = publish_products(settings, 4)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        with Publisher(settings, "/test") as publisher:
            for number in range(EVENTS):
                event = click(number, f"shopper-{number % SHOPPERS}", products[number % 4])
                publisher.send(FEEDBACK, event, datetime.now(UTC))
                publisher.send(FEEDBACK, _impression(event, number), datetime.now(UTC))
        for death in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            wait_until(lambda: _has_more(settings), 60)
            worker = fleet.processes.pop("preferences")
            worker.send_signal(death)
            worker.wait(20)
            fleet.start("preferences")
        wait_until(lambda: _lag(settings, "preferences") == 0, 90)

    states = latest(read_all(settings, USER_STATES))
    assert states == _replayed(settings)
    causes = Counter(input_of(record) for record in read_all(settings, RECOMMENDATIONS)
                     if record.key != b"*")  # fmt: skip
    assert max(causes.values()) == 1
    assert read_dead_letters_of(settings, FEEDBACK) == []


def test_each_style_of_a_job_has_one_outcome_though_the_worker_is_killed(
    settings, environment, tmp_path
):
    products = publish_products(settings, 8)
    with Publisher(settings, "/test") as publisher:
        for number, product in enumerate(products):
            publisher.send(JOBS, _job(number, product), datetime.now(UTC))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        for finished in (2, 6):
            fleet.start("stylize")
            wait_until(lambda least=finished: len(_outcomes(settings)) >= least, 90)
            worker = fleet.processes.pop("stylize")
            worker.kill()
            worker.wait(20)
        fleet.start("stylize")
        wait_until(lambda: _lag(settings, "stylize") == 0, 90)

    outcomes = Counter((input_of(record), record.key) for record in _outcomes(settings))
    assert set(outcomes.values()) == {1}
    styles = Counter(place for place, _ in outcomes)
    assert set(styles.values()) == {len(STYLES)}
    # A job that was in hand alone at both kills is set aside: it may be to blame for them.
    set_aside = [_letters_place(letter) for letter in read_dead_letters_of(settings, JOBS)]
    assert len(set_aside) <= 1
    assert not styles.keys() & set(set_aside)
    assert len(styles) + len(set_aside) == len(products)


def test_an_aborted_transaction_is_invisible(settings):
    producer = transactional_producer(settings, "test")
    producer.init_transactions(20)
    stale = table_consumer(settings).consumer_group_metadata()  # of no member of any group
    topic = topic_name(settings, PRODUCTS)
    with pytest.raises(Aborted):
        commit_batch(
            producer,
            [Output(topic=topic, key=b"a", value=b"aborted"), _too_large(settings)],
            [TopicPartition(topic, 0, 1)],
            stale,
        )
    assert read_all(settings, PRODUCTS) == []
    commit_batch(producer, [Output(topic=topic, key=b"a", value=b"kept")], [], stale)
    assert [record.value for record in read_all(settings, PRODUCTS)] == [b"kept"]


def test_an_open_transaction_is_waited_for(settings):
    producer = transactional_producer(settings, "slow")
    producer.init_transactions(20)
    topic = topic_name(settings, PRODUCTS)
    producer.begin_transaction()
    producer.produce(topic, key=b"a", value=b"late")
    producer.flush(10)
    done = threading.Timer(1.0, producer.commit_transaction)
    done.start()
    assert [record.value for record in read_all(settings, PRODUCTS)] == [b"late"]
    done.join()


def _impression(event: Feedback, number: int) -> Feedback:
    """Of another style in a list of the shopper's: it changes the state too."""
    return replace(
        event,
        event_id=f"{event.event_id}-seen",
        kind="impression",
        style_id=STYLES[number % len(STYLES)],
        recommendation_id=f"list-{number // 400}",
        position=number // SHOPPERS % 10,
    )


def _job(number: int, product) -> StylizeJob:
    styles = [
        StyleRequest(style_id=style, definition=StyleDefinition(weights={style: 1.0}))
        for style in STYLES
    ]
    return StylizeJob(
        job_id=f"job-{number}",
        product_id=product.product_id,
        image_uri=product.image_uri,
        styles=styles,
        reason="request",
        requested_at=datetime.now(UTC) - timedelta(seconds=number),
    )


def _letters_place(letter: Record) -> tuple[str, ...]:
    headers = dict(letter.headers)
    return tuple(headers[PREFIX + name].decode() for name in ("topic", "partition", "offset"))


def _outcomes(settings: Settings):
    """Pictures, published or rejected."""
    records = [*read_all(settings, STYLIZED), *read_all(settings, REJECTED)]
    return [record for record in records if record.value is not None]


def _has_more(settings: Settings) -> bool:
    """Whether the worker has gone on since the last look."""
    before = len(read_all(settings, USER_STATES))
    time.sleep(0.5)
    return len(read_all(settings, USER_STATES)) > before or _lag(settings, "preferences") == 0


def _lag(settings: Settings, worker: str) -> int:
    suffix = f"stylecast-{worker}"
    return sum(group.lag for group in collect_lag(settings) if group.group.endswith(suffix))


def _replayed(settings: Settings) -> dict[bytes, bytes]:
    """The states as an offline replay of the topic makes them."""
    rules, _ = rules_of(settings.preferences)
    states: dict[str, UserState] = {}
    records = sorted(read_all(settings, FEEDBACK), key=lambda r: (r.partition, r.offset))
    for record in records:
        if record.value is None:
            states.pop((record.key or b"").decode(), None)
            continue
        event = decode(Feedback, record.value)
        before = states.get(event.user_id) or empty(event.user_id)
        states[event.user_id] = apply(before, event, record.at, rules)
    return {user_id.encode(): encode(state) for user_id, state in states.items()}


def _too_large(settings: Settings) -> Output:
    """A record that the broker refuses."""
    topic = topic_name(settings, dead_letter_topic(PRODUCTS.name))
    return Output(topic=topic, key=b"a", value=b"x" * 5_000_000)
