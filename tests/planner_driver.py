"""The planner as a process of its own, and the topics around it, as several tests need them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from helpers import wait_until

from schemas.codec import decode
from schemas.events import Product, StylizeJob
from schemas.topics import JOBS
from workers.kafka.clients import producer, table_consumer
from workers.kafka.records import Record, output_of, record_of
from workers.kafka.topics import group_id, topic_name
from workers.kafka.transaction import produce
from workers.lag import collect_lag

OWN_STYLES = ["ink-line", "neon"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CODE = "from workers.planner import run_planner; from workers.settings import load_settings; "
CODE += "run_planner(load_settings())"


class PlannerDriver:
    """The planner's process and the topics around it."""

    def __init__(self, settings, environment, port):
        self.settings, self.environment, self.port = settings, environment, port
        self._producer = producer(settings)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self, code: str = CODE):
        self.process = subprocess.Popen([sys.executable, "-c", code], env=self.environment)

        def is_ready() -> bool:
            assert self.process.poll() is None, "the planner has ended"
            return self.status("/ready") == 200

        wait_until(is_ready, 90)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code
        except OSError:
            return 0

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.read().decode()

    def plan(self) -> dict[str, Any]:
        return json.loads(self.page("/plan.json"))

    def send(self, topic, event) -> None:
        produce(self._producer, output_of(self.settings, topic, event, source="/test", now=NOW))
        assert self._producer.flush(30) == 0

    def send_bytes(self, topic, key: bytes, value: bytes | None, headers=()) -> None:
        name = topic_name(self.settings, topic)
        self._producer.produce(name, value, key, headers=list(headers))
        assert self._producer.flush(30) == 0

    def read(self, topic: str) -> list[Record]:
        """All records of a topic (by its contract name), in the order of their timestamps."""
        return sorted(read_all(self.settings, topic), key=lambda record: record.timestamp_ms)

    def jobs(self) -> list[StylizeJob]:
        return [decode(StylizeJob, record.value) for record in self.read(JOBS.name)]

    def wait_for_jobs(self, count: int) -> list[StylizeJob]:
        wait_until(lambda: len(self.jobs()) >= count, 60)
        self.wait_until_idle()
        return self.jobs()

    def wait_until_idle(self) -> None:
        """Until the group has committed all there is.

        As whoever runs it does, starts it anew where it says that it does not go on.
        """

        def lag() -> int:
            groups = {group.group: group.lag for group in collect_lag(self.settings)}
            return groups[group_id(self.settings, "planner")]

        def is_idle() -> bool:
            if self.status("/live") == 503:
                self.kill()
                self.start()
            return lag() == 0

        wait_until(is_idle, 180)


def read_all(settings, topic: str) -> Iterator[Record]:
    name = settings.kafka.topic_prefix + topic
    consumer = table_consumer(settings)
    try:
        consumer.assign([TopicPartition(name, part, OFFSET_BEGINNING) for part in range(4)])
        ended = 0
        while ended < 4:
            message = consumer.poll(10)
            assert message is not None
            if message.error() is None:
                yield record_of(message)
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF
                ended += 1
    finally:
        consumer.close()


def product(product_id: str, **changes) -> Product:
    values = {"title": "Mug", "category": "mug", "image_uri": f"{product_id}.jpg", **changes}
    return Product(product_id=product_id, **values)


def styles_of(job: StylizeJob) -> list[str]:
    return [request.style_id for request in job.styles]
