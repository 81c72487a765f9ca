"""A broker that is away is waited for by every worker, and nothing is skipped."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers import is_ready, wait_until
from integration.shop import PARTITIONS, click, latest, publish_products, read_all, shop_fleet

from schemas.topics import FEEDBACK, STYLIZED, USER_STATES
from workers.broker import Broker, local_broker
from workers.demo.fleet import Fleet
from workers.kafka.producer import Publisher
from workers.kafka.topics import apply_topics
from workers.lag import collect_lag
from workers.settings import Settings, load_settings

pytestmark = pytest.mark.integration

AWAY_SECONDS = 4
STOP_SECONDS = 30
"""A worker is gone after ten; a busy machine may start late."""
WORKERS = ("planner", "stylize", "preferences", "trainer", "posters", "lag")


@contextmanager
def own_shop(folder: Path) -> Iterator[tuple[Broker, Settings, Fleet]]:
    """A broker that may be harmed, with the topics, and a fleet of which nobody has started."""
    with local_broker() as broker:
        settings = load_settings(
            kafka={"bootstrap_servers": broker.bootstrap_servers},
            store={"uri": str(folder / "store")},
        )
        environment = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "STYLECAST_STORE__URI": settings.store.uri,
            "STYLECAST_WORKER__INSTANCE": "test",
            "STYLECAST_LAG__INTERVAL_SECONDS": "1",
        }
        apply_topics(settings, PARTITIONS)
        with shop_fleet(settings, environment, folder) as fleet:
            yield broker, settings, fleet


def test_workers_go_on_when_the_broker_comes_back(tmp_path):
    with own_shop(tmp_path) as (broker, settings, fleet):
        for worker in ("planner", "stylize", "preferences", "lag"):
            fleet.start(worker)
        products = publish_products(settings, 1)
        wait_until(lambda: len(latest(read_all(settings, STYLIZED))) == 2, 90)

        broker.stop()
        time.sleep(AWAY_SECONDS)
        for worker in ("stylize", "preferences", "planner", "lag"):
            wait_until(lambda port=fleet.ports[worker]: not is_ready(port), 60)
        fleet.require_running()
        broker.start()

        publish_products(settings, 2)
        with Publisher(settings, "/test") as publisher:
            publisher.send(FEEDBACK, click(1, "ada", products[0]), datetime.now(UTC))
        wait_until(lambda: len(latest(read_all(settings, STYLIZED))) == 4, 120)
        wait_until(lambda: len(latest(read_all(settings, USER_STATES))) == 1, 60)
        wait_until(lambda: sum(group.lag for group in collect_lag(settings)) == 0, 60)
        fleet.require_running()
    for worker in ("stylize", "preferences", "lag"):
        told = (tmp_path / "logs" / f"{worker}.log").read_text().splitlines()
        assert len([line for line in told if "_ALL_BROKERS_DOWN" in line]) <= 2, told


def test_a_worker_that_is_started_while_the_broker_is_away_waits_for_it(tmp_path):
    with own_shop(tmp_path) as (broker, _, fleet):
        broker.stop()
        workers = ("stylize", "preferences")
        for worker in workers:
            fleet.start(worker)
        logs = [tmp_path / "logs" / f"{worker}.log" for worker in workers]
        wait_until(lambda: all("cannot list the topics" in log.read_text() for log in logs), 60)
        fleet.require_running()
        broker.start()
        for worker in workers:
            fleet.wait_ready(worker)


def test_workers_stop_in_time_though_the_broker_no_longer_answers(tmp_path):
    with own_shop(tmp_path) as (broker, _, fleet):
        for worker in WORKERS:
            fleet.start(worker)
        for worker in WORKERS:
            fleet.wait_ready(worker)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            time.sleep(AWAY_SECONDS)
            for process in fleet.processes.values():
                process.terminate()
            ended = {name: it.wait(STOP_SECONDS) for name, it in fleet.processes.items()}
        finally:
            os.kill(broker.pid, signal.SIGCONT)
    assert ended == dict.fromkeys(WORKERS, 0)
