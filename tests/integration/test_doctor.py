"""The doctor finds what has stopped, what stands, and what cannot be written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from helpers import wait_until

from schemas.topics import FEEDBACK, JOBS, dead_letter_topic
from stylecore.errors import StylecastError
from workers.commands import doctor
from workers.kafka.admin import admin_client
from workers.kafka.clients import producer
from workers.kafka.topics import group_id, largest_records, topic_name

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


@contextmanager
def member(settings, worker, topic):
    """Somebody in a worker's group, with all partitions of a topic; commits nothing by itself."""
    consumer = Consumer(
        {
            **settings.kafka.librdkafka(),
            "group.id": group_id(settings, worker),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    with closing(consumer):
        consumer.subscribe([topic_name(settings, topic)])
        wait_until(lambda: consumer.poll(0.1) or consumer.assignment(), 60)
        yield consumer


def publish(settings, topic, count=1):
    client = producer(settings)
    for number in range(count):
        client.produce(topic_name(settings, topic), b"no event", key=b"%d" % number, partition=0)
    assert client.flush(30) == 0


def test_a_worker_that_has_stopped_is_found(settings):
    (well,) = doctor._workers(settings)
    assert well.ok
    publish(settings, JOBS, 3)
    (never_ran,) = doctor._workers(settings)
    assert not never_ran.ok
    assert f"{group_id(settings, 'stylize')}, 3 records wait" in never_ran.found
    with member(settings, "preferences", FEEDBACK) as consumer:
        publish(settings, FEEDBACK)
        wait_until(lambda: consumer.poll(0.1), 60)
        consumer.commit(asynchronous=False)
    stopped = {finding.found: finding.remedy for finding in doctor._workers(settings)}
    (found,) = [it for it in stopped if "preferences" in it]
    assert f"nobody works in the group {group_id(settings, 'preferences')}, 0 records" in found
    assert "stylecast run preferences" in stopped[found]


def test_a_partition_that_stands_is_found_and_one_that_goes_on_is_not(settings, monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS_OF_OTHERS", 3.0)
    publish(settings, FEEDBACK, 50)
    with member(settings, "preferences", FEEDBACK) as consumer:
        (stands,) = doctor._workers(settings)
        assert not stands.ok
        topic = topic_name(settings, FEEDBACK)
        assert f"stands at offset 0 of {topic}, partition 0, with 50 records" in stands.found
        assert "log of preferences" in stands.remedy

        monkeypatch.setattr(doctor, "SECONDS_OF_OTHERS", 300.0)
        monkeypatch.setattr(doctor.time, "sleep", lambda _: go_on(consumer))
        assert [finding.ok for finding in doctor._workers(settings)] == [True]


def go_on(consumer):
    wait_until(lambda: consumer.poll(0.1), 60)
    consumer.commit(asynchronous=False)


def test_a_dead_letter_topic_that_takes_less_than_its_input_is_found(settings):
    assert doctor._dead_letters(settings)
    name = topic_name(settings, dead_letter_topic(JOBS.name))
    entry = ConfigEntry("max.message.bytes", "1000", incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin = admin_client(settings)
    for future in admin.incremental_alter_configs([change]).values():
        future.result()
    wait_until(lambda: largest_records(settings)[name] == 1000)
    with pytest.raises(StylecastError, match=rf"{name} takes 1000 bytes, .*{JOBS.name} [0-9]+"):
        doctor._dead_letters(settings)


def test_a_store_that_can_no_longer_be_written_is_found(environment):
    def run(**more):
        command = [sys.executable, "-m", "workers", "doctor", "--json"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, **more
        )
        findings = json.loads(done.stdout)
        return done.returncode, {it["part"]: it for it in findings if not it["ok"]}

    def no_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    assert run() == (0, {})
    assert run() == (0, {})
    status, ill = run(preexec_fn=no_files)
    assert status == 1
    assert ill.keys() == {"store"}
    assert "cannot be written" in ill["store"]["found"]
    assert "STYLECAST_STORE__URI" in ill["store"]["remedy"]
