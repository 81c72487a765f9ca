"""Partitions have one owner at a time: paused, joined by others, or moved, none counts twice."""

import signal
import threading
import time
from collections import Counter

import pytest
from chaos.owners import join, lag, owners, require_exactly_once, send_clicks, told
from helpers import wait_until
from integration.shop import input_of, publish_products, read_all

from schemas.topics import FEEDBACK, RECOMMENDATIONS
from workers.kafka.assignment import Handler
from workers.kafka.loop import run_worker
from workers.kafka.topics import topic_name
from workers.telemetry import Health

RESTORE_SECONDS = 10

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


@pytest.mark.parametrize("point", ["stored", "produced"])
def test_an_owner_paused_in_its_batch_is_fenced_while_others_take_over(
    settings, environment, tmp_path, point
):
    products = publish_products(settings, 4)
    with owners(environment, tmp_path / "slots") as slots:
        send_clicks(settings, products, range(200))
        slots.add("preferences-a")
        slots.keep()
        assert slots.strike_at("preferences-a", "stop", point, 60)

        join(slots, "preferences-b")  # waits for the session and for the open transaction
        wait_until(lambda: lag(settings) == 0, 90)
        send_clicks(settings, products, range(200, 400))
        join(slots, "preferences-c")
        wait_until(lambda: bool(told(slots, "preferences-c", "states_restored")), 60)
        wait_until(lambda: lag(settings) == 0, 60)
        assert slots.lines("resumed") == {}

        slots.signal("preferences-a", signal.SIGCONT)
        wait_until(lambda: bool(slots.lines("resumed")), 60)
        send_clicks(settings, products, range(400, 500))
        wait_until(lambda: lag(settings) == 0, 90)
        (outcome,) = slots.lines("resumed")
        assert outcome.startswith(f"{point}: refused")

    require_exactly_once(settings, products)
    lists = [record for record in read_all(settings, RECOMMENDATIONS) if record.key != b"*"]
    assert max(Counter((record.key, input_of(record)) for record in lists).values()) == 1


class _SlowToRestore(Handler):
    """Takes longer to restore than the group waits for a sign of life."""

    def __init__(self, settings):
        self.topics = (topic_name(settings, FEEDBACK),)
        self.restores = self.records = 0

    def assigned(self, partitions):
        self.restores += 1
        time.sleep(RESTORE_SECONDS)

    def process(self, records):
        self.records += len(records)
        return []


def test_a_restore_may_take_longer_than_the_poll_interval(settings):
    impatient = settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"max_poll_interval_ms": 6000}),
            "worker": settings.worker.model_copy(
                update={"session_timeout_seconds": 6, "transaction_timeout_seconds": 5}
            ),
        }
    )
    send_clicks(settings, publish_products(settings, 1), range(20))
    stop, handler = threading.Event(), _SlowToRestore(settings)
    worker = threading.Thread(
        target=run_worker,
        args=(impatient, "preferences", lambda: handler),
        kwargs={"batch_records": 100, "health": Health(), "stop": stop},
    )
    worker.start()
    try:
        wait_until(lambda: handler.records == 20, 60)
    finally:
        stop.set()
        worker.join(20)
    assert handler.restores == 1


def test_one_who_joins_gets_partitions_and_the_others_keep_the_rest(
    settings, environment, tmp_path
):
    products = publish_products(settings, 4)
    with owners(environment, tmp_path / "slots") as slots:
        send_clicks(settings, products, range(100))
        join(slots, "preferences-a")
        wait_until(lambda: lag(settings) == 0, 90)
        join(slots, "preferences-b")
        wait_until(lambda: bool(told(slots, "preferences-b", "states_restored")), 60)
        send_clicks(settings, products, range(100, 300))
        wait_until(lambda: lag(settings) == 0, 60)

        given_up = [
            line["partitions"] for line in told(slots, "preferences-a", "partitions_revoked")
        ]
        taken = told(slots, "preferences-b", "partitions_assigned")[-1]["partitions"]
        kept = told(slots, "preferences-a", "partitions_assigned")[-1]["partitions"]
        assert given_up == [taken]  # cooperative: what stays is never taken away
        assert sorted(kept + taken) == [0, 1, 2, 3]
        assert len(kept) == len(taken) == 2
    require_exactly_once(settings, products)
