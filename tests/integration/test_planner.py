"""The planner as a process of its own, on a real cluster."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from generators import write_generator
from helpers import wait_until
from planner_driver import CODE, NOW, OWN_STYLES, product, styles_of

from schemas.cloudevents import header
from schemas.codec import decode
from schemas.events import Style, StyleDemand, StylizeJob
from schemas.topics import (
    DEMAND,
    JOBS,
    PRODUCTS,
    REJECTED,
    STYLES,
    STYLIZED,
    dead_letter_topic,
)
from workers.kafka.clients import transactional_producer
from workers.kafka.records import output_of, partition_of
from workers.kafka.topics import topic_name
from workers.kafka.transaction import produce

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def test_a_products_life(planner):
    # A new product gets all styles, in one job.
    planner.send(PRODUCTS, product("mug-1"))
    (launch,) = planner.wait_for_jobs(1)
    assert (launch.product_id, launch.image_uri) == ("mug-1", "mug-1.jpg")
    assert (styles_of(launch), launch.reason) == (OWN_STYLES, "launch")

    # A repeat, and another title, get none.
    planner.send(PRODUCTS, product("mug-1"))
    planner.send(PRODUCTS, product("mug-1", title="Cup"))
    planner.wait_until_idle()
    assert len(planner.jobs()) == 1

    # Another photo is drawn again.
    planner.send(PRODUCTS, product("mug-1", image_uri="better.jpg"))
    better = planner.wait_for_jobs(2)[-1]
    assert (better.image_uri, styles_of(better)) == ("better.jpg", OWN_STYLES)
    assert better.job_id != launch.job_id

    # A removed product loses its pictures.
    planner.send_bytes(PRODUCTS, b"mug-1", None)
    planner.wait_until_idle()
    for topic in (STYLIZED, REJECTED):
        gone = {record.key: record.value for record in planner.read(topic.name)}
        assert gone == {b"mug-1/ink-line": None, b"mug-1/neon": None}
    assert planner.plan()["products"] == []


def test_a_new_style_is_drawn_for_all_products_of_its_categories(planner):
    for number in range(3):
        planner.send(PRODUCTS, product(f"mug-{number}"))
    planner.send(PRODUCTS, product("lamp", category="lamp"))
    planner.wait_for_jobs(4)
    warm = {"style_id": "warm", "label": "Warm", "weights": {"neon": 1.0}, "seed": 7}
    planner.send(STYLES, Style(**warm, categories=["mug"]))
    new = planner.wait_for_jobs(7)[4:]
    assert sorted(job.product_id for job in new) == ["mug-0", "mug-1", "mug-2"]
    assert {tuple(styles_of(job)) for job in new} == {("warm",)}
    assert new[0].styles[0].definition.seed == 7

    # The same style again is no news; without categories the lamp gets it too.
    planner.send(STYLES, Style(**warm, categories=["mug"]))
    planner.wait_until_idle()
    assert len(planner.jobs()) == 7
    planner.send(STYLES, Style(**warm))
    assert planner.wait_for_jobs(8)[-1].product_id == "lamp"

    page = planner.page("/plan")
    assert "4 products, 3 styles" in page
    assert "ink-line, neon, warm" in page


def test_a_job_record_is_an_event_on_its_keys_partition(planner):
    keys = [f"mug-{number}" for number in range(8)]
    for key in keys:
        planner.send(PRODUCTS, product(key))
    planner.wait_for_jobs(len(keys))
    records = planner.read(JOBS.name)
    assert {record.key.decode() for record in records} == set(keys)
    for record in records:
        job = decode(StylizeJob, record.value)
        assert record.partition == partition_of(record.key, 4)
        assert header(record.headers, "ce_type") == b"com.stylecast.stylizejob.v1"
        assert header(record.headers, "ce_id") == job.job_id.encode()
        cause = header(record.headers, "stylecast.input.topic")
        assert cause == topic_name(planner.settings, PRODUCTS).encode()


def test_what_is_wrong_goes_to_the_dead_letters_untouched_and_the_rest_goes_on(planner):
    planner.send_bytes(PRODUCTS, b"bad", b"not JSON", headers=[("from", b"kcat")])
    planner.send_bytes(
        PRODUCTS, b"bad", b'{"product_id":"other","title":"","category":"c","image_uri":"u"}'
    )
    planner.send_bytes(STYLES, b"bad", b'{"style_id":"bad"}')
    window = b'"starts_at":"0001-01-01T00:00:00Z","ends_at":"9999-12-31T23:59:59Z"'
    endless = b'{"style_id":"bad","label":"Bad","weights":{"neon":1},"campaign":{%s}}' % window
    planner.send_bytes(STYLES, b"bad", endless)
    planner.send_bytes(STYLES, b"bad", None)
    planner.send(PRODUCTS, product("good"))
    assert planner.wait_for_jobs(1)[0].product_id == "good"

    dead = planner.read(dead_letter_topic(PRODUCTS.name))
    assert [(record.key, record.value[:8]) for record in dead] == [
        (b"bad", b"not JSON"),
        (b"bad", b'{"produc'),
    ]
    headers = dict(dead[0].headers)
    assert next(iter(headers)) == "from"
    assert headers["__connect.errors.topic"] == topic_name(planner.settings, PRODUCTS).encode()
    assert headers["__connect.errors.stage"] == b"decode"
    assert headers["__connect.errors.exception.class.name"] == b"InvalidEvent"
    assert b"not JSON" in headers["__connect.errors.exception.message"]
    assert headers["__connect.errors.attempts"] == b"1"
    planner.wait_until_idle()
    style, window = planner.read(dead_letter_topic(STYLES.name))
    assert b"label" in header(style.headers, "__connect.errors.exception.message")
    assert b"more than ten years" in header(window.headers, "__connect.errors.exception.message")


CRASHING = """
from workers.planner import planning

plan = planning.plan

def crashing(product, *rest, **more):
    if product is not None and product.title == "cursed":
        raise ZeroDivisionError("no such title")
    return plan(product, *rest, **more)

planning.plan = crashing
"""


def test_in_a_batch_a_crash_sets_its_record_aside_alone_and_a_keys_last_record_counts(planner):
    planner.kill()
    for number in range(60):
        planner.send(PRODUCTS, product(f"mug-{number}"))
    planner.send(PRODUCTS, product("cursed", title="cursed"))
    planner.send_bytes(PRODUCTS, b"bad", b"not JSON")
    for photo in ("second.jpg", "third.jpg"):
        planner.send(PRODUCTS, product("mug-7", image_uri=photo))
    planner.start(CRASHING + CODE)
    planner.wait_until_idle()
    jobs = planner.jobs()
    assert {job.product_id for job in jobs} == {f"mug-{number}" for number in range(60)}
    photos = [job.image_uri for job in jobs if job.product_id == "mug-7"]
    assert (set(photos), photos[-1]) == ({"mug-7.jpg", "second.jpg", "third.jpg"}, "third.jpg")
    assert len({job.job_id for job in jobs}) == 62
    dead = {record.key: record for record in planner.read(dead_letter_topic(PRODUCTS.name))}
    names = {
        key: header(record.headers, "__connect.errors.exception.class.name")
        for key, record in dead.items()
    }
    assert names == {b"cursed": b"ZeroDivisionError", b"bad": b"InvalidEvent"}


def test_killed_and_started_again_it_orders_nothing_new(planner):
    sent = {f"mug-{number}" for number in range(40)}
    for key in sent:
        planner.send(PRODUCTS, product(key))
    wait_until(lambda: len(planner.jobs()) >= 5, 60)
    planner.kill()
    planner.start()
    planner.wait_until_idle()
    jobs = planner.jobs()
    assert {job.product_id for job in jobs} == sent
    assert len({job.job_id for job in jobs}) == len(sent)

    # Restored from its changelog it knows what it has ordered.
    before = len(jobs)
    for key in sent:
        planner.send(PRODUCTS, product(key))
    planner.wait_until_idle()
    assert len(planner.jobs()) == before


def test_another_generator_is_a_reason_to_draw_again(planner, tmp_path):
    planner.send(PRODUCTS, product("mug"))
    planner.wait_for_jobs(1)
    planner.process.send_signal(signal.SIGTERM)
    assert planner.process.wait(30) == 0
    write_generator(tmp_path / "model", [*OWN_STYLES, "pop-art"], version="2")
    planner.start()
    again = planner.wait_for_jobs(2)[-1]
    assert styles_of(again) == [*OWN_STYLES, "pop-art"]


def test_demand_from_transactions_is_shown_and_leaves_no_lag(planner):
    client = transactional_producer(planner.settings, "test")
    client.init_transactions(30)
    client.begin_transaction()
    wanted = StyleDemand(
        product_id="mug", style_id="warm", wanted=3, window_start=NOW, window_end=NOW
    )
    produce(client, output_of(planner.settings, DEMAND, wanted, source="/test", now=NOW))
    client.commit_transaction(30)

    def shown():
        return planner.plan()["demand"]

    wait_until(lambda: len(shown()) == 1, 60)
    assert shown()[0]["wanted"] == 3
    planner.wait_until_idle()


def test_it_says_which_topic_is_missing_and_stops(settings, environment, tmp_path):
    environment["STYLECAST_STYLIZE__MODEL"] = str(write_generator(tmp_path / "model", OWN_STYLES))
    ended = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert f"has no topic {topic_name(settings, PRODUCTS)}" in ended.stderr
