"""Trouble that passes is waited for: not ready, one line a minute, and on as soon as it is over."""

import shutil
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer
from helpers import is_ready, wait_until
from hostile.quotas import quota
from hostile.test_worker_pictures import job, outcomes
from integration.shop import read_dead_letters_of, shop_fleet

from schemas.topics import DEMAND, JOBS
from stylecore.models import GENERATOR
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.topics import topic_name

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

LARGEST_FILE = 15_000
"""Bytes: less than a finished picture, more than a note or this worker's log."""
GENEROUS_SECONDS = 240
THROTTLED_SECONDS = 12
"""Longer than a transaction of these tests may last."""


@contextmanager
def full(worker: psutil.Process, store: Path):
    """A disk on which nothing of a picture's size fits any more."""
    before = worker.rlimit(psutil.RLIMIT_FSIZE)
    worker.rlimit(psutil.RLIMIT_FSIZE, (LARGEST_FILE, before[1]))
    yield
    worker.rlimit(psutil.RLIMIT_FSIZE, before)


@contextmanager
def away(worker: psutil.Process, store: Path):
    """A volume that is not mounted: its place is there, and is no folder."""
    store.mkdir(exist_ok=True)
    store.rename(store.with_name("unmounted"))
    store.write_text("nothing is mounted here")
    yield
    store.unlink()
    store.with_name("unmounted").rename(store)


def publish(settings, *numbers: int) -> None:
    photos = [product.image_uri for product in sample_products()]
    with Publisher(settings, "/test") as publisher:
        for number in numbers:
            publisher.send(JOBS, job(number, photos[number]), datetime.now(UTC))


def throttled_ms(settings, client: str) -> float:
    """How long the broker makes a client of that name wait."""
    told: list[float] = []
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "client.id": client,
            "throttle_cb": lambda event: told.append(event.throttle_time),
        }
    )
    producer.produce(topic_name(settings, DEMAND), b"not an event", key=b"x" * 2000)
    wait_until(lambda: producer.poll(0.1) >= 0 and bool(told), GENEROUS_SECONDS)
    return max(told)


@pytest.mark.parametrize("trouble", [full, away])
def test_a_store_that_is_full_or_away_is_waited_for(trouble, settings, environment, tmp_path):
    store = Path(settings.store.uri)
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("stylize")
        fleet.wait_ready("stylize")
        with trouble(psutil.Process(fleet.processes["stylize"].pid), store):
            publish(settings, 0, 1, 2)
            wait_until(lambda: not is_ready(fleet.ports["stylize"]), GENEROUS_SECONDS)
            fleet.require_running()
            assert not outcomes(settings)
        wait_until(lambda: len(outcomes(settings)) == 3, GENEROUS_SECONDS)
        wait_until(lambda: is_ready(fleet.ports["stylize"]), GENEROUS_SECONDS)

    assert max(outcomes(settings).values()) == 1
    assert read_dead_letters_of(settings, JOBS) == []
    log = (tmp_path / "logs" / "stylize.log").read_text().splitlines()
    told = [line for line in log if "the store cannot be" in line]
    assert 1 <= len(told) <= 3, told


def test_a_generator_that_is_gone_is_waited_for_and_one_in_use_is_not_missed(
    settings, environment, tmp_path
):
    model, aside = tmp_path / "model", tmp_path / "aside"
    shutil.copytree(GENERATOR, aside)
    environment |= {"STYLECAST_STYLIZE__MODEL": str(model)}
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("stylize")
        publish(settings, 0)
        log = tmp_path / "logs" / "stylize.log"
        wait_until(lambda: "the generator is missing" in log.read_text(), GENEROUS_SECONDS)
        assert not is_ready(fleet.ports["stylize"])
        aside.rename(model)
        wait_until(lambda: len(outcomes(settings)) == 1, GENEROUS_SECONDS)
        model.rename(aside)
        publish(settings, 1)
        wait_until(lambda: len(outcomes(settings)) == 2, GENEROUS_SECONDS)
        fleet.require_running()
    assert log.read_text().count("the generator is missing") <= 4
    assert read_dead_letters_of(settings, JOBS) == []


def test_a_quota_that_throttles_delays_and_neither_loses_nor_doubles(
    settings, environment, tmp_path
):
    client = f"throttled-{settings.kafka.topic_prefix}"
    environment |= {"STYLECAST_KAFKA__CLIENT_ID": client}
    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("stylize")
        fleet.wait_ready("stylize")
        with quota(settings.kafka.bootstrap_servers, client, 100):
            publish(settings, 0, 1, 2, 3)
            assert throttled_ms(settings, client) > 0
            time.sleep(THROTTLED_SECONDS)
            fleet.require_running()
        wait_until(lambda: len(outcomes(settings)) == 4, GENEROUS_SECONDS)
        fleet.require_running()

    assert max(outcomes(settings).values()) == 1
    assert read_dead_letters_of(settings, JOBS) == []
