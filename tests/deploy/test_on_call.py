"""What on call is told when something really breaks: metrics, alerts and `stylecast top` agree.

Real workers, a real broker and Debian's Prometheus; the rules' windows are scaled down.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from helpers import wait_until
from integration.shop import PARTITIONS, click, publish_products, shop_fleet
from prometheus_server import Prometheus, prometheus

from schemas.events import (
    ModelAnnouncement,
    Product,
    StyleDefinition,
    StyleRequest,
    StylizeJob,
)
from schemas.topics import FEEDBACK, JOBS, PREFERENCE_MODELS
from stylecore.errors import Transient
from workers.broker import local_broker
from workers.broker.process import Broker
from workers.demo.fleet import Fleet
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.records import Output
from workers.kafka.topics import apply_topics
from workers.settings import Settings, load_settings

pytestmark = [pytest.mark.deploy, pytest.mark.integration]

WORKERS = ("planner", "stylize", "preferences", "trainer", "lag")
MINUTE = 60


@dataclass
class Shop:
    """Everything that runs, and shoppers who click all the time."""

    settings: Settings
    broker: Broker
    fleet: Fleet
    prometheus: Prometheus
    top: list[dict[str, Any]] = field(default_factory=list)
    """What `stylecast top --json` has printed."""

    def signal(self, worker: str, number: int) -> None:
        os.kill(self.fleet.processes[worker].pid, number)

    def top_says(self, group: str) -> str | None:
        (found,) = [it["status"] for it in self.top[-1]["groups"] if it["group"] == group]
        return found

    def calm(self) -> bool:
        return not self.prometheus.firing()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with ExitStack() as stack:
        broker = stack.enter_context(local_broker())
        settings = load_settings(
            kafka={"bootstrap_servers": broker.bootstrap_servers},
            store={"uri": str(folder / "store")},
        )
        environment = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "STYLECAST_STORE__URI": settings.store.uri,
            "STYLECAST_WORKER__INSTANCE": "test",
            "STYLECAST_LAG__INTERVAL_SECONDS": "1",
            "STYLECAST_LAG__LOOKS": "4",
            "STYLECAST_TRAINER__REFIT_SECONDS": "3",
        }
        apply_topics(settings, PARTITIONS)
        server = stack.enter_context(prometheus(folder / "prometheus"))
        fleet = stack.enter_context(shop_fleet(settings, environment, folder))
        for worker in WORKERS:
            fleet.start(worker)
        for worker in WORKERS:
            fleet.wait_ready(worker)
        running = Shop(settings, broker, fleet, server)
        server.watch(fleet.ports)
        stack.enter_context(shoppers(settings))
        stack.enter_context(watching(running, {**os.environ, **environment}))
        yield running


@contextmanager
def shoppers(settings: Settings) -> Iterator[None]:
    """Three shoppers, two clicks a second."""
    products, stop = publish_products(settings, 2), threading.Event()
    numbers = count()

    def shop() -> None:
        while not stop.is_set():
            with suppress(Transient), Publisher(settings, "/test") as publisher:
                while not stop.wait(0.5):
                    number = next(numbers)
                    user = ("ada", "ben", "cleo")[number % 3]
                    event = click(number, user, products[number % 2])
                    publisher.send(FEEDBACK, event, datetime.now(UTC))

    thread = threading.Thread(target=shop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def watching(shop: Shop, environment: dict[str, str]) -> Iterator[None]:
    """`stylecast top --json`, as somebody keeps it open."""
    command = [sys.executable, "-m", "workers", "top", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:

        def read() -> None:
            for line in process.stdout:
                if "groups" in (seen := json.loads(line)):
                    shop.top.append(seen)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            wait_until(lambda: shop.top, 30)
            yield
        finally:
            process.terminate()  # SIGINT is ignored by what a shell starts in the background
            thread.join()


@pytest.fixture
def healthy(shop) -> Shop:
    """The shop when nothing fires."""
    try:
        wait_until(shop.calm, 2 * MINUTE)
    except AssertionError as problem:
        problem.add_note(f"firing: {shop.prometheus.firing()}")
        raise
    return shop


def test_nothing_fires_while_all_is_well(healthy):
    seen: list[dict[str, str]] = []
    stop = threading.Event()
    for _ in range(40):
        seen += healthy.prometheus.firing()
        stop.wait(0.5)
    assert not seen
    assert healthy.prometheus.value("sum(stylecast_ready)") == len(WORKERS)


def test_a_paused_worker_is_told_within_a_minute_everywhere_in_the_same_words(healthy):
    group = "stylecast-stylize"
    healthy.signal("stylize", signal.SIGSTOP)
    publish_products(healthy.settings, 14)
    wait_until(lambda: healthy.prometheus.fires("StylecastStuck", consumergroup=group), MINUTE)
    wait_until(lambda: told(healthy, group) in ({"STALL"}, {"STOP"}), MINUTE)
    assert healthy.prometheus.fires("StylecastNotReady", job="stylecast-stylize")

    healthy.signal("stylize", signal.SIGCONT)
    wait_until(lambda: not healthy.prometheus.fires("StylecastStuck"), MINUTE)
    wait_until(lambda: told(healthy, group) == {"OK"}, MINUTE)


def told(shop: Shop, group: str) -> set[str | None]:
    """The group's status by top, by the metric and by the alert, where one fires."""
    words = {shop.top_says(group)}
    for status in ("OK", "WARN", "STALL", "REWIND", "STOP"):
        query = f'stylecast_group_status{{consumergroup="{group}",status="{status}"}}'
        if shop.prometheus.value(query) == 1:
            words.add(status)
    for alert in shop.prometheus.firing():
        if alert["alertname"] == "StylecastStuck" and alert["consumergroup"] == group:
            words.add(alert["status"])
    return words


def test_a_worker_with_more_work_than_it_can_do(healthy):
    """Paused nine tenths of the time, it works and falls behind."""
    group, stop = "stylecast-preferences", threading.Event()
    wait_until(lambda: told(healthy, group) == {"OK"}, MINUTE)

    def throttle() -> None:
        while not stop.is_set():
            healthy.signal("preferences", signal.SIGSTOP)
            stop.wait(2)
            healthy.signal("preferences", signal.SIGCONT)
            stop.wait(0.2)

    thread = threading.Thread(target=throttle)
    thread.start()
    try:
        wait_until(lambda: healthy.prometheus.fires("StylecastFreshnessBurnsFast"), MINUTE)
        wait_until(lambda: healthy.prometheus.fires("StylecastFreshnessBurnsSlowly"), MINUTE)
    finally:
        stop.set()
        thread.join()


def job(product: Product, number: int, blends: int = 4) -> StylizeJob:
    """Blends that nobody has drawn yet."""
    styles = [
        StyleRequest(
            style_id=f"blend-{turn}",
            definition=StyleDefinition(
                weights={"watercolour": 1.0, "ink-line": 1.0 + turn + number / 1000}
            ),
        )
        for turn in range(blends)
    ]
    return StylizeJob(
        job_id=f"import-{number}",
        product_id=product.product_id,
        image_uri=product.image_uri,
        styles=styles,
        reason="request",
        requested_at=datetime.now(UTC),
    )


def test_photos_that_are_slow_to_come(healthy):
    """The generator waits for photos while jobs wait for it."""
    photo = Path(sample_products()[0].image_uri)
    fleet = healthy.fleet
    before = fleet.environment
    with slow_photos(photo.read_bytes()) as (address, quick):
        allowed = json.loads(before["STYLECAST_PHOTOS__ALLOWED_PREFIXES"])
        fleet.environment = {
            **before,
            "STYLECAST_PHOTOS__ALLOWED_PREFIXES": json.dumps([*allowed, address]),
            "STYLECAST_PHOTOS__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        }
        restart_stylize(healthy)
        with Publisher(healthy.settings, "/test") as publisher:
            for number in range(60):
                product = Product(
                    product_id=f"slow-{number}",
                    title="Slow",
                    category="slow",
                    image_uri=f"{address}/{number}.jpg",
                )
                publisher.send(JOBS, job(product, number, blends=1), datetime.now(UTC))
        wait_until(lambda: healthy.prometheus.fires("StylecastIdleWithLag"), 2 * MINUTE)
        quick.set()
        wait_until(lambda: not healthy.prometheus.fires("StylecastIdleWithLag"), 3 * MINUTE)
    fleet.environment = before


def restart_stylize(shop: Shop) -> None:
    """The renderer again, with the fleet's present environment."""
    shop.fleet.processes["stylize"].terminate()
    shop.fleet.processes["stylize"].wait(30)
    shop.fleet.start("stylize")
    shop.prometheus.watch(shop.fleet.ports)


@contextmanager
def slow_photos(photo: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A web server that takes fifteen seconds for each picture until the event is set.

    The rule looks back five and wants five more, and the batch before has drawn meanwhile.
    """
    quick = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            quick.wait(15)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(photo)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}", quick
    finally:
        quick.set()
        serving.shutdown()
        serving.server_close()
        thread.join()


def test_more_jobs_than_the_generator_can_draw(healthy):
    """Where a batch takes longer than the looks go back, the group stands still between commits.

    What is left is drawn beside the tests that follow; none of them asks how busy the generator is.
    """
    group = "stylecast-stylize"
    told_by = ("StylecastLagGrowing", "StylecastStuck")
    (product,) = publish_products(healthy.settings, 1)
    with Publisher(healthy.settings, "/test") as publisher:
        for number in range(400):
            publisher.send(JOBS, job(product, number), datetime.now(UTC))
            publisher.flush()
            if any(healthy.prometheus.fires(name, consumergroup=group) for name in told_by):
                return
            time.sleep(0.1)
    pytest.fail("400 jobs were drawn as fast as they came")


def test_a_dead_letter(healthy):
    with Publisher(healthy.settings, "/test") as publisher:
        topic = publisher.topic(FEEDBACK)
        publisher.send_raw(Output(topic=topic, key=b"ada", value=b"not JSON"))
    wait_until(lambda: healthy.prometheus.fires("StylecastDeadLetters"), MINUTE)
    wait_until(lambda: healthy.top[-1]["dead_letters"][FEEDBACK.name] == 1, MINUTE)


def test_factors_that_were_altered(healthy):
    announced = ModelAnnouncement(
        name="preferences",
        version="altered",
        uri=f"{healthy.settings.store.uri}/nothing",
        sha256="0" * 64,
        made_at=datetime.now(UTC),
    )
    with Publisher(healthy.settings, "/test") as publisher:
        publisher.send(PREFERENCE_MODELS, announced, datetime.now(UTC))
    wait_until(lambda: healthy.prometheus.fires("StylecastFactorsRefused"), MINUTE)


def test_factors_that_grow_old(healthy):
    healthy.signal("trainer", signal.SIGSTOP)
    wait_until(lambda: healthy.prometheus.fires("StylecastFactorsStale"), MINUTE)
    healthy.signal("trainer", signal.SIGCONT)
    wait_until(lambda: not healthy.prometheus.fires("StylecastFactorsStale"), MINUTE)


def test_a_broker_that_is_away(healthy):
    healthy.broker.stop()
    try:
        wait_until(lambda: healthy.prometheus.fires("StylecastBrokerAway"), MINUTE)
    finally:
        healthy.broker.start()
    wait_until(lambda: not healthy.prometheus.fires("StylecastBrokerAway"), 2 * MINUTE)


@pytest.mark.timeout(600)
def test_a_gate_that_rejects_more_than_usual(healthy):
    """A busy machine takes minutes to draw enough."""
    fleet = healthy.fleet
    # The rule wants more than twenty pictures within its window, which is seconds here.
    fleet.environment = {
        **fleet.environment,
        "STYLECAST_STYLIZE__MINIMUM_STRUCTURE": "0.999",
        "STYLECAST_STYLIZE__OUTPUT_SIDE": "128",
    }
    restart_stylize(healthy)
    publish_products(healthy.settings, 40)
    wait_until(lambda: healthy.prometheus.fires("StylecastGateRejects"), 4 * MINUTE)


@pytest.mark.parametrize("file", ["prometheus/alerts.yaml", "dashboards/stylecast.json"])
def test_every_metric_that_rules_and_dashboard_ask_for_is_served(shop, file):
    """Read from a live scrape, so that nobody waits for a metric that has gone."""
    text = (Path(__file__).parents[2] / "deploy" / file).read_text()
    asked = set(re.findall(r"\b(?:stylecast|kafka)_\w+", text))
    assert asked
    assert asked <= shop.prometheus.names()
