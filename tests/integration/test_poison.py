"""The poison drill: records that once stopped a worker for good, into every input, under load.

Each is in the dead letters once, with a reason that explains it; everything else goes on, and no
group keeps a lag.
"""

import json
import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from command_line import stylecast
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from helpers import wait_until
from integration.shop import (
    click,
    has_input,
    input_of,
    job_of,
    latest,
    poster_of,
    publish_products,
    read_all,
    read_dead_letters_of,
    shop_fleet,
)
from msgspec.structs import replace
from prometheus_client import REGISTRY

from schemas.codec import decode, encode
from schemas.events import Campaign, Style, StyleDemand, UserState
from schemas.topics import (
    DEMAND,
    FEEDBACK,
    JOBS,
    POSTER_REQUESTS,
    POSTERS,
    PRODUCTS,
    RECOMMENDATIONS,
    STYLES,
    STYLIZED,
    USER_STATES,
)
from stylecore.storage.render_cache import SIDECAR_FOLDER
from workers.kafka.admin import admin_client
from workers.kafka.assignment import Handler
from workers.kafka.dead_letters import PREFIX
from workers.kafka.loop import run_worker
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, output_of
from workers.kafka.topics import topic_name
from workers.lag import collect_lag
from workers.settings import LogSettings, Settings
from workers.telemetry import Health, configure_logging

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

INPUTS = (PRODUCTS, STYLES, DEMAND, FEEDBACK, JOBS, POSTER_REQUESTS)
WORKERS = ("preferences", "planner", "stylize", "posters")
STYLES_SEEN = 1_200


@pytest.mark.timeout(600)
def test_no_poison_stops_a_worker_and_each_is_in_the_dead_letters_once(
    settings, environment, tmp_path
):
    for topic in INPUTS:
        _set(settings, topic_name(settings, topic), "message.timestamp.after.max.ms", 2**62)
    quick = {"STYLECAST_STYLIZE__OUTPUT_SIDE": "128", "STYLECAST_STYLIZE__THREADS": "1"}
    with shop_fleet(settings, environment | quick, tmp_path) as fleet:
        for worker in WORKERS:
            fleet.start(worker)
        products = publish_products(settings, 3)
        for worker in WORKERS:
            fleet.wait_ready(worker)
        first = products[0]
        job = job_of(first, datetime.now(UTC))
        with Publisher(settings, "/test") as publisher:
            publisher.send(FEEDBACK, click(1, "before", first), datetime.now(UTC))
            publisher.send(JOBS, job, datetime.now(UTC))
        wait_until(lambda: _stylized(settings, job.job_id), 120)

        _empty_sidecars(tmp_path)
        _poison(settings, first)

        with Publisher(settings, "/test") as publisher:
            now = datetime.now(UTC)
            publisher.send(FEEDBACK, click(2, "after", first), now)
            publisher.send(JOBS, replace(job, job_id="after"), now)
            publisher.send(POSTER_REQUESTS, poster_of(first), now)
            publisher.send(STYLES, _style("after"), now)
        for topic in (USER_STATES, RECOMMENDATIONS):
            wait_until(lambda it=topic: b"after" in latest(read_all(settings, it)), 60)
        wait_until(lambda: _stylized(settings, "after"), 120)
        wait_until(lambda: latest(read_all(settings, POSTERS)), 120)
        wait_until(lambda: _ordered(settings, "after", len(products)), 60)
        wait_until(lambda: sum(group.lag for group in collect_lag(settings)) == 0, 120)
        fleet.require_running()

    expected = {topic.name: {"InvalidEvent": 3, "WrongTimestamp": 1} for topic in INPUTS}
    expected[STYLES.name]["TimeOutOfRange"] = 1
    expected[JOBS.name]["InvalidEvent"] = expected[DEMAND.name]["InvalidEvent"] = 4
    expected[FEEDBACK.name]["InvalidEvent"] = 4
    for topic in INPUTS:
        letters = read_dead_letters_of(settings, topic)
        found = Counter(
            dict(it.headers)[f"{PREFIX}exception.class.name"].decode() for it in letters
        )
        assert found == expected[topic.name], topic.name
        shown = _shown(environment, topic.name)
        reasons = [row["headers"][f"{PREFIX}exception.message"] for row in shown]
        assert any("2000000 bytes are over the limit" in reason for reason in reasons)
        assert any("looks like microseconds" in reason for reason in reasons)
        assert any(row["value"] == "a" * 2_000_000 for row in shown), "the pointer is followed"
    counted = decode(UserState, latest(read_all(settings, USER_STATES))[b"looker"])
    assert counted.interactions
    caused = filter(has_input, read_all(settings, USER_STATES))
    places = Counter(map(input_of, caused))
    assert max(places.values()) == 1


def _poison(settings: Settings, product) -> None:
    """The five records, each into every topic that takes it."""
    client = Producer(
        {
            **settings.kafka.librdkafka(),
            "compression.type": "gzip",
            "message.max.bytes": 10_000_000,
            "partitioner": "murmur2_random",
        }
    )
    microseconds = int(datetime.now(UTC).timestamp() * 1_000_000)
    for topic in INPUTS:
        name = topic_name(settings, topic)
        client.produce(name, key=b"poison", value=b"a" * 2_000_000)
        client.produce(name, key=b"poison", value=b"{}", timestamp=microseconds)
        client.produce(name, key=b"\xff\xfe", value=None)
        client.produce(name, key=b"poison", value=b'{"a":' * 50_000)
        if topic.cleanup == "delete":  # a compacted topic takes none without a key
            client.produce(name, key=None, value=None)
    unset = Campaign(starts_at=datetime(1, 1, 1, tzinfo=UTC), ends_at=datetime(1, 1, 2, tzinfo=UTC))
    campaign = replace(_style("unset"), campaign=unset)
    client.produce(topic_name(settings, STYLES), key=b"unset", value=encode(campaign))
    acted = click(10, "looker", product)
    client.produce(topic_name(settings, FEEDBACK), key=b"looker", value=encode(acted))
    for number in range(STYLES_SEEN):
        seen = replace(
            acted,
            event_id=f"seen-{number}",
            kind="impression",
            style_id=f"style-{number}",
            recommendation_id=f"list-{number}",
            position=number % 60,
        )
        client.produce(topic_name(settings, FEEDBACK), key=b"looker", value=encode(seen))
    assert client.flush(60) == 0


def _style(style_id: str) -> Style:
    return Style(style_id=style_id, label=style_id, weights={"ink-line": 1.0})


def _empty_sidecars(folder) -> None:
    """As a power cut leaves them, and as another program would."""
    sidecars = sorted((folder / "store" / SIDECAR_FOLDER).rglob("*.json"))
    assert sidecars
    for number, sidecar in enumerate(sidecars):
        sidecar.write_bytes(b"" if number % 2 else b'{"foreign": true}')


def _stylized(settings: Settings, job_id: str) -> bool:
    return any(
        it.value is not None and json.loads(it.value)["job_id"] == job_id
        for it in read_all(settings, STYLIZED)
    )


def _ordered(settings: Settings, style_id: str, products: int) -> bool:
    found = [
        json.loads(it.value)
        for it in read_all(settings, JOBS)
        if (it.value or b"").startswith(b'{"j')
    ]
    named = {it["product_id"] for it in found for s in it["styles"] if s["style_id"] == style_id}
    return len(named) == products


def _shown(environment: dict[str, str], topic: str) -> list[dict]:
    return json.loads(stylecast("dead-letters", "show", topic, "--json", **environment).stdout)


def _lag(settings: Settings, worker: str) -> int:
    return sum(it.lag for it in collect_lag(settings) if it.group.endswith(worker))


def _set(settings: Settings, topic: str, name: str, value: int) -> None:
    entry = ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = admin_client(settings)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


class Faulty(Handler):
    """Copies feedback to the demand topic; fails over some values, and over too many at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = (topic_name(settings, FEEDBACK),)
        self.pending: list[bytes] = []

    def process(self, records):
        if len(records) > 8:
            raise RecursionError("too many at once")
        self.pending += [it.value for it in records]
        if b"poison" in self.pending:
            raise KeyError("a fault of ours")
        now = datetime.now(UTC)
        return [
            replace(
                output_of(self.settings, DEMAND, _demand(), source="/test", now=now, cause=it),
                value=it.value,
            )
            for it in records
        ]

    def committed(self):
        self.pending.clear()

    def aborted(self):
        self.pending.clear()


def _demand():
    now = datetime.now(UTC)
    return StyleDemand(
        product_id="mug", style_id="neon", wanted=1, window_start=now, window_end=now
    )


def test_records_over_which_a_handler_fails_are_set_aside_and_each_other_counts_once(settings):
    configure_logging(LogSettings())  # the test's own log would print every local of each traceback
    values = [b"poison" if number % 17 == 5 else b"%d" % number for number in range(100)]
    poisons = values.count(b"poison")
    with Publisher(settings, "/test") as publisher:
        for number, value in enumerate(values):
            key = b"key-%d" % (number % 7)
            publisher.send_raw(Output(topic=publisher.topic(FEEDBACK), key=key, value=value))
    stop, health = threading.Event(), Health()
    worker = threading.Thread(
        target=run_worker,
        args=(settings, "preferences", lambda: Faulty(settings)),
        kwargs={"batch_records": 50, "health": health, "stop": stop},
    )
    worker.start()
    try:
        wait_until(lambda: len(read_all(settings, DEMAND)) == len(values) - poisons, 60)
        wait_until(lambda: len(read_dead_letters_of(settings, FEEDBACK)) == poisons, 60)
        wait_until(lambda: _lag(settings, "preferences") == 0, 60)
        assert health.ready
    finally:
        stop.set()
        worker.join()
    assert sorted(it.value for it in read_all(settings, DEMAND)) == sorted(
        value for value in values if value != b"poison"
    )
    for letter in read_dead_letters_of(settings, FEEDBACK):
        headers = dict(letter.headers)
        assert letter.value == b"poison"
        assert headers[f"{PREFIX}exception.class.name"] == b"KeyError"
        assert headers[f"{PREFIX}stage"] == b"crash"
        assert b"a fault of ours" in headers[f"{PREFIX}exception.message"]
    labels = {"worker": "preferences", "topic": topic_name(settings, FEEDBACK), "error": "KeyError"}
    assert REGISTRY.get_sample_value("stylecast_crashes_total", labels) == poisons
