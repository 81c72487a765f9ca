"""The command line against a real broker: what is sent is shown, decoded, and only if committed."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import command_line
import pytest

from schemas.events import RecommendationReason, Recommendations, RecommendedItem
from schemas.topics import FEEDBACK, PRODUCTS, RECOMMENDATIONS
from workers.kafka.clients import transactional_producer
from workers.kafka.dead_letters import dead_letter
from workers.kafka.producer import Publisher
from workers.kafka.records import Record
from workers.kafka.topics import topic_name

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MUG = {"product_id": "mug", "title": "A mug\u2028in two lines", "category": "mugs"}
CLICK = {"event_id": "e1", "user_id": "ann", "kind": "click", "product_id": "mug"}


@pytest.fixture
def stylecast(environment):
    return partial(command_line.stylecast, **environment)


def tailed(stylecast, topic):
    done = stylecast("tail", topic, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


@pytest.mark.usefixtures("topics")
def test_published_lines_come_back_decoded_from_a_file_and_from_standard_input(stylecast, tmp_path):
    file = tmp_path / "products.jsonl"
    mug = MUG | {"image_uri": "mug.jpg"}
    file.write_text(json.dumps(mug, ensure_ascii=False) + "\n")
    assert "1 sent" in stylecast("publish", "products", str(file)).stdout
    click = json.dumps(CLICK | {"occurred_at": "2026-11-23T09:00:00Z"})
    assert "2 sent" in stylecast("publish", "feedback", stdin=f"{click}\n\n{click}\n").stdout

    (product,) = tailed(stylecast, "catalog.products.v1")
    assert product["key"] == "mug"
    assert product["value"].items() >= mug.items()
    assert product["headers"]["ce_type"] == "com.stylecast.product.v1"
    clicks = tailed(stylecast, "feedback.events.v1")
    assert [click["key"] for click in clicks] == ["ann", "ann"]
    assert len({click["partition"] for click in clicks}) == 1


@pytest.mark.usefixtures("topics")
def test_an_aborted_record_never_shows(stylecast, settings):
    producer = transactional_producer(settings, "aborts")
    producer.init_transactions(30)
    for value, end in (
        (b'"no"', producer.abort_transaction),
        (b'"yes"', producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(topic_name(settings, PRODUCTS), key=b"mug", value=value)
        producer.flush(30)
        end(30)
    assert [record["value"] for record in tailed(stylecast, "catalog.products.v1")] == ["yes"]


@pytest.mark.usefixtures("topics")
def test_a_dead_letter_is_shown_with_its_reason(stylecast, settings):
    record = Record(
        topic=topic_name(settings, FEEDBACK),
        partition=1,
        offset=7,
        key=b"ann",
        value=b"\xff not JSON",
        raw_headers=[],
        timestamp_ms=int(NOW.timestamp() * 1000),
    )
    with Publisher(settings, "/test") as publisher:
        publisher.send_raw(dead_letter(record, "decode", ValueError("not JSON at byte 0")))
    (letter,) = tailed(stylecast, "feedback.events.v1.dlq")
    assert letter["value"] == "\\xff not JSON"
    assert letter["headers"]["__connect.errors.offset"] == "7"
    shown = stylecast("tail", "feedback.events.v1.dlq").stdout
    assert "exception.message: not JSON at byte 0" in shown


def test_a_topic_that_is_not_in_the_table_is_told_with_the_names(stylecast):
    failed = stylecast("tail", "nonsense")
    assert failed.returncode == 1
    assert "no topic nonsense; there are: catalog.products.v1" in failed.stderr


def test_topics_are_checked_applied_and_shown_and_the_doctor_sees_them(stylecast):
    bare = stylecast("topics", "check", "--user-partitions", "4")
    assert bare.returncode == 1
    assert "the topic is missing" in bare.stdout
    ill = stylecast("doctor", "--json")
    assert ill.returncode == 1
    assert [f["part"] for f in json.loads(ill.stdout) if not f["ok"]] == ["topics"]
    assert "remedy: run `stylecast topics apply`" in stylecast("doctor").stdout

    assert stylecast("topics", "apply", "--user-partitions", "4").returncode == 0
    assert stylecast("topics", "check", "--user-partitions", "4").stdout == "as wanted\n"
    names = {topic["name"] for topic in json.loads(stylecast("topics", "show", "--json").stdout)}
    assert {name.split(".", 1)[1] for name in names} >= {PRODUCTS.name, f"{PRODUCTS.name}.dlq"}
    assert stylecast("doctor").returncode == 0


@pytest.mark.usefixtures("topics")
def test_a_shopper_nobody_knows_gets_the_list_for_everyone(stylecast, settings):
    nothing = stylecast("recommend", "stranger")
    assert nothing.returncode == 1
    assert "no recommendations for stranger yet" in nothing.stderr
    with Publisher(settings, "/test") as publisher:
        for user_id, product_id in (("*", "popular"), ("ann", "old"), ("ann", "new")):
            publisher.send(RECOMMENDATIONS, recommended(user_id, product_id), NOW)
    for user_id, product_id in (("stranger", "popular"), ("ann", "new")):
        shown = json.loads(stylecast("recommend", user_id, "--json").stdout)
        assert [item["product_id"] for item in shown["items"]] == [product_id]
    assert "because it is tested" in stylecast("recommend", "ann", COLUMNS="200").stdout


def recommended(user_id, product_id):
    item = RecommendedItem(
        product_id=product_id,
        style_id="original",
        image_uri="a.jpg",
        score=1.0,
        propensity=0.5,
        reason=RecommendationReason(kind="popular", text="because it is tested"),
    )
    return Recommendations(
        user_id=user_id,
        recommendation_id="r",
        items=[item],
        policy="test",
        factors_version="none",
        generated_at=NOW,
        valid_until=NOW + timedelta(days=1),
    )
