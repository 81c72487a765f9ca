"""A record that cannot be processed is kept as it came, told why, and can be given back."""

import json
import re
import secrets
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from command_line import stylecast
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from helpers import is_ready, wait_until
from integration.shop import (
    click,
    job_of,
    latest,
    poster_of,
    publish_products,
    read_all,
    read_dead_letters_of,
    shop_fleet,
)

from schemas.codec import encode
from schemas.events import Feedback, Product
from schemas.topics import (
    FEEDBACK,
    JOBS,
    POSTER_REQUESTS,
    POSTERS,
    PRODUCTS,
    STYLIZED,
    USER_STATES,
    Topic,
    dead_letter_topic,
)
from stylecore.storage.store import Store
from workers.demo.inputs import sample_products
from workers.kafka.admin import admin_client
from workers.kafka.dead_letters import DeadLetterOutputs, dead_letter
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Place, Record, partition_of
from workers.kafka.topics import group_id, topic_name
from workers.lag import collect_lag
from workers.lag.offsets import CommitReader

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

THEN = datetime.now(UTC).replace(hour=9, minute=30, microsecond=123000) - timedelta(days=4)
NEXT_DAY = (THEN + timedelta(days=1)).date().isoformat()
MILLISECONDS = int(THEN.timestamp() * 1000)
SMALL = 150
"""Bytes: a transaction's marker fits, a letter does not."""
TOO_LARGE = re.compile("MSG_SIZE_TOO_LARGE|MessageSizeTooLargeError")


@pytest.fixture
def dead_letters(environment):
    """Runs `stylecast dead-letters ... --json`: the exit status and the rows."""

    def run(*arguments):
        ended = stylecast("dead-letters", *arguments, "--json", **environment)
        assert ended.stdout, ended.stderr
        return ended.returncode, json.loads(ended.stdout)

    return run


def test_a_letter_is_replayed_once_and_says_how_often_it_failed(
    settings, environment, tmp_path, dead_letters
):
    late = sample_products()[0]
    feedback = encode(click(1, "ada", late))
    own = [("from", b"kcat"), ("from", b"twice"), ("traceparent", b"00-1-2-01")]
    with Publisher(settings, "/test") as publisher:
        for value in (b"not JSON", feedback):
            publisher.send_raw(_output(settings, FEEDBACK, b"ada", value, own))
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        wait_until(lambda: len(read_dead_letters_of(settings, FEEDBACK)) == 2, 60)

        # Key, value, headers and timestamp are untouched; the reasons come after the headers.
        broken, unknown = read_dead_letters_of(settings, FEEDBACK)
        assert [it.value for it in (broken, unknown)] == [b"not JSON", feedback]
        for letter in (broken, unknown):
            assert (letter.key, letter.timestamp_ms) == (b"ada", MILLISECONDS)
            assert letter.headers[:3] == own
        assert [name for name, _ in broken.headers[3:]] == [
            f"__connect.errors.{name}"
            for name in (
                "topic",
                "partition",
                "offset",
                "stage",
                "exception.class.name",
                "exception.message",
                "attempts",
            )
        ]

        _, listed = dead_letters("list", "feedback.events.v1")
        assert [(row["error"], row["attempts"]) for row in listed] == [
            ("InvalidEvent", 1),
            ("UnknownProduct", 1),
        ]
        _, (row,) = dead_letters("list", "feedback.events.v1", "--reason", "no product")
        assert row["error"] == "UnknownProduct"
        assert dead_letters("list", "feedback.events.v1", "--since", NEXT_DAY)[1] == []
        assert len(dead_letters("list", "--until", NEXT_DAY)[1]) == 2
        _, (shown,) = dead_letters("show", "feedback.events.v1.dlq", "--at", row["at"])
        assert shown["headers"]["traceparent"] == "00-1-2-01"

        # The product comes; what it was missing for is replayed, and fails no more.
        publish_products(settings, 1)
        status, (dry,) = dead_letters("replay", FEEDBACK.name, "--at", row["at"], "--dry-run")
        assert (status, dry["done"]) == (0, "would be replayed")
        assert len(read_all(settings, FEEDBACK)) == 2
        status, done = dead_letters("replay", FEEDBACK.name)
        assert (status, [it["done"] for it in done]) == (0, ["replayed", "replayed"])
        wait_until(lambda: latest(read_all(settings, USER_STATES)).keys() == {b"ada"}, 60)
        replayed = read_all(settings, FEEDBACK)[2:]
        assert {(it.key, it.timestamp_ms, it.partition) for it in replayed} == {
            (b"ada", MILLISECONDS, partition_of(b"ada", 4))
        }
        assert [it.headers for it in replayed] == [[*own, ("__connect.errors.attempts", b"1")]] * 2

        # The other one fails again and says how often; nothing comes a third time unasked.
        def attempts() -> list[int]:
            return [row["attempts"] for row in dead_letters("list", FEEDBACK.name)[1]]

        wait_until(lambda: attempts() == [1, 1, 2], 60)
        status, again = dead_letters("replay", FEEDBACK.name, "--at", row["at"])
        assert (status, again[0]["done"]) == (1, "refused: replayed before")
        assert len(read_all(settings, FEEDBACK)) == 4


def test_a_replay_never_covers_a_newer_record_of_a_compacted_topic(settings, dead_letters):
    mug, lamp = (b"mug", b"lamp")
    number = partition_of(mug, 4)
    with Publisher(settings, "/test") as publisher:
        for key in (mug, lamp):
            publisher.send_raw(_output(settings, PRODUCTS, key, b"{}", []))
        publisher.flush()
        for record in read_all(settings, PRODUCTS):
            publisher.send_raw(dead_letter(record, "decode", ValueError("no title")))
        publisher.send_raw(_output(settings, PRODUCTS, mug, b"newer", []))
    status, rows = dead_letters("replay", PRODUCTS.name)
    assert status == 1
    by_key = {row["key"]: row["done"] for row in rows}
    assert by_key["lamp"] == "replayed"
    assert by_key["mug"].startswith(f"refused: newer record of the key at {number}/")
    assert latest(read_all(settings, PRODUCTS)) == {mug: b"newer", lamp: b"{}"}
    with pytest.raises(AssertionError, match="has no dead letters"):
        dead_letters("list", "images.stylized.v1")


def test_a_letter_that_its_topic_does_not_take_keeps_back_no_other(settings, dead_letters):
    _allow_bytes(settings, FEEDBACK, 500_000, letters=False)
    with Publisher(settings, "/test") as publisher:
        failed = [
            Record(
                topic=publisher.topic(FEEDBACK),
                partition=0,
                offset=number,
                key=b"ada",
                value=value,
                raw_headers=[],
                timestamp_ms=MILLISECONDS,
            )
            for number, value in enumerate((b"small", secrets.token_bytes(2_000_000), b"too"))
        ]
        letters = DeadLetterOutputs("test", Store(settings.store.uri))
        made = [dead_letter(it, "decode", ValueError("not JSON")) for it in failed]
        for letter in letters.fitted(made, time.time() * 1000):
            publisher.send_raw(letter)
    status, rows = dead_letters("replay", FEEDBACK.name)
    done = [row["done"].partition(":")[0] for row in rows]
    assert (status, sorted(done)) == (1, ["refused", "replayed", "replayed"])
    (why,) = [row["done"] for row in rows if row["done"].startswith("refused")]
    assert "raise its max.message.bytes" in why
    assert sorted(it.value for it in read_all(settings, FEEDBACK)) == [b"small", b"too"]
    _, listed = dead_letters("list", FEEDBACK.name)
    assert sorted(row["replayed"] for row in listed) == [False, True, True]


@pytest.mark.parametrize(
    ("at", "status", "why"),
    [("99/3", 1, "no letter of feedback.events.v1 at 99/3"), ("3", 2, "PARTITION/OFFSET")],
)
def test_a_letter_that_is_not_there_is_told(environment, at, status, why):
    ended = stylecast("dead-letters", "show", FEEDBACK.name, "--at", at, **environment)
    assert ended.returncode == status
    assert why in ended.stderr


def _click(product: Product) -> Feedback:
    return click(1, product.product_id, product)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("worker", "topic", "event_of", "results"),
    [
        ("preferences", FEEDBACK, _click, USER_STATES),
        ("stylize", JOBS, lambda product: job_of(product, THEN), STYLIZED),
        ("posters", POSTER_REQUESTS, poster_of, POSTERS),
        ("planner", PRODUCTS, lambda product: product, JOBS),
    ],
)
def test_a_dead_letter_topic_that_cannot_be_written_stops_the_worker_and_nothing_is_skipped(
    settings, environment, tmp_path, worker, topic, event_of, results
):
    (product,) = sample_products()[:1] if worker == "planner" else publish_products(settings, 1)
    key = product.product_id.encode()
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start(worker)
        fleet.wait_ready(worker)
        _allow_bytes(settings, topic, SMALL)
        with Publisher(settings, "/test") as publisher:
            publisher.send_raw(_output(settings, topic, key, b"not JSON", []))
            publisher.send(topic, event_of(product), datetime.now(UTC))
        wait_until(lambda: not is_ready(fleet.ports[worker]), 60)
        assert _committed(settings, worker, topic, partition_of(key, 4)) == 0
        assert latest(read_all(settings, results)) == {}

        _allow_bytes(settings, topic, 2_000_000)
        wait_until(lambda: is_ready(fleet.ports[worker]), 60)
        wait_until(lambda: latest(read_all(settings, results)), 60)
        (letter,) = read_dead_letters_of(settings, topic)
        assert letter.value == b"not JSON"
        wait_until(lambda: sum(group.lag for group in collect_lag(settings)
                               if group.group.endswith(worker)) == 0, 60)  # fmt: skip
    told = (tmp_path / "logs" / f"{worker}.log").read_text().splitlines()
    assert len([line for line in told if "retry_scheduled" in line and TOO_LARGE.search(line)]) == 1


def _output(settings, topic, key, value, headers) -> Output:
    return Output(
        topic=topic_name(settings, topic),
        key=key,
        value=value,
        headers=headers,
        timestamp_ms=MILLISECONDS,
    )


def _allow_bytes(settings, topic: Topic, most: int, *, letters: bool = True) -> None:
    """What the topic's dead-letter topic takes, or the topic itself."""
    entry = ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
    name = topic_name(settings, dead_letter_topic(topic.name) if letters else topic.name)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin = admin_client(settings)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def _committed(settings, worker: str, topic: Topic, partition: int) -> int:
    place = Place(topic_name(settings, topic), partition)
    with closing(CommitReader(settings)) as reader:
        return reader.committed(group_id(settings, worker), [place]).get(place, 0)
