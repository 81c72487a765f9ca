"""The table of topics agrees with itself and with what is generated from it."""

import json

import jsonschema
import pytest
import yaml

from schemas import generate
from schemas.topics import (
    FEEDBACK,
    PRODUCTS,
    TOPICS,
    USER_PARTITIONS,
    USER_STATES,
    dead_letter_topic,
    topic_named,
)


def test_generated_files_are_up_to_date():
    assert generate.stale() == [], "run python -m schemas.generate"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_golden_sample_satisfies_the_json_schema_and_a_broken_one_does_not(topic):
    sample = json.loads(
        (generate.FOLDER / "golden" / f"{topic.event.__name__}.v1.json").read_text()
    )
    validator = jsonschema.Draft202012Validator(
        json.loads((generate.FOLDER / "json" / f"{topic.name}.schema.json").read_text())
    )
    validator.validate(sample)
    assert not validator.is_valid(sample | {topic.key[0]: 7})


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_key_is_made_of_fields_of_the_event(topic):
    assert set(topic.key) <= set(topic.event.__struct_fields__)


def test_topics_keyed_by_user_have_one_partition_count():
    by_user = {topic.partitions for topic in TOPICS if topic.key == ("user_id",)}
    assert by_user == {USER_PARTITIONS}


def test_a_compacted_topic_is_compacted_within_the_hour_and_events_stay_a_week():
    compacted = [topic for topic in TOPICS if topic.cleanup == "compact"]
    assert {t.config["max.compaction.lag.ms"] for t in compacted} == {"3600000"}
    assert FEEDBACK.config["retention.ms"] == str(7 * 24 * 3600 * 1000)


def test_asyncapi_names_every_topic_and_its_dead_letters():
    document = yaml.safe_load((generate.FOLDER / "asyncapi.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    assert list(document["channels"]) == [topic.name for topic in TOPICS]
    assert dead_letter_topic(FEEDBACK.name) in document["channels"][FEEDBACK.name]["description"]


@pytest.mark.parametrize("topic", [FEEDBACK, USER_STATES, PRODUCTS], ids=lambda topic: topic.name)
def test_asyncapi_says_what_a_tombstone_does(topic):
    document = yaml.safe_load((generate.FOLDER / "asyncapi.yaml").read_text())
    said = document["channels"][topic.name]["description"]
    assert f"A record without a value {topic.tombstone}." in said


def test_an_unknown_topic_is_answered_with_those_that_there_are():
    with pytest.raises(KeyError, match=r"feedback\.events\.v1"):
        topic_named("feedback.v1")
