"""A planner that starts again takes all that waits, and says so when it does not go on."""

from __future__ import annotations

import time

import msgspec
import pytest
from helpers import wait_until
from planner_driver import CODE, product

from schemas.topics import PRODUCTS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SLOW = """
import asyncio
from faust.transport.consumer import Consumer
from workers.planner import agents

find_committed, send_at_once = Consumer.perform_seek, agents.send

async def perform_seek(self):
    await find_committed(self)
    await asyncio.sleep(2)

async def send(app, outputs):
    await asyncio.sleep(0.2)
    await send_at_once(app, outputs)

Consumer.perform_seek, agents.send = perform_seek, send
"""
"""As on a busy machine: Faust has read on before it hears that it is at the committed offsets."""

LATE = """
import asyncio
from datetime import UTC, datetime
import msgspec
from faust.tables.recovery import Recovery
from schemas.events import Product
from schemas.topics import PRODUCTS
from workers.kafka.producer import Publisher
from workers.settings import load_settings

complete = Recovery.on_recovery_completed

async def on_recovery_completed(self, generation_id=0):
    with Publisher(load_settings(), "/test") as publisher:
        for event in EVENTS:
            publisher.send(PRODUCTS, msgspec.json.decode(event, type=Product), datetime.now(UTC))
    await asyncio.sleep(2)
    await complete(self, generation_id)

Recovery.on_recovery_completed = on_recovery_completed
"""
"""Records come when Faust has paused the changelogs, and has not begun with the inputs."""

FORGETFUL = """
from workers.planner.faust_app import KeptTable

know, forgotten = KeptTable.send_changelog, set()

def send_changelog(self, *args, **kwargs):
    name = self.changelog_topic.get_topic_name()
    if name not in forgotten:
        forgotten.add(name)
        self.app.producer._producer._metadata._partitions.pop(name)
    return know(self, *args, **kwargs)

KeptTable.send_changelog = send_changelog
"""
"""Metadata that was asked for before the changelogs were there comes last, and is believed."""

STUCK = """
import asyncio
from workers.planner import agents, liveness

async def send(app, outputs):
    await asyncio.sleep(600)

agents.send = send
liveness.STALLED_SECONDS, liveness.LOOK_SECONDS = 2, 0.5
"""


def test_what_is_read_while_it_restores_is_planned(planner):
    planner.send(PRODUCTS, product("known"))
    planner.wait_for_jobs(1)
    planner.kill()
    waiting = {f"mug-{number}" for number in range(20)}
    for key in waiting:
        planner.send(PRODUCTS, product(key))
    planner.start(SLOW + CODE)
    wait_until(lambda: {job.product_id for job in planner.jobs()} == {"known", *waiting}, 30)
    planner.wait_until_idle()


def test_a_changelog_that_metadata_forgot_is_found_again(planner):
    planner.kill()
    planner.start(FORGETFUL + CODE)
    planner.send(PRODUCTS, product("mug"))
    wait_until(lambda: [known["product_id"] for known in planner.plan()["products"]] == ["mug"], 60)


def test_one_that_does_not_go_on_is_not_live(planner):
    planner.kill()
    planner.start(STUCK + CODE)
    time.sleep(3)
    assert planner.status("/live") == 200
    planner.send(PRODUCTS, product("mug"))
    wait_until(lambda: planner.status("/live") == 503, 30)


def test_what_comes_in_the_moment_between_restore_and_work_is_planned(planner):
    planner.send(PRODUCTS, product("known"))
    planner.wait_for_jobs(1)
    planner.kill()
    newcomers = [product(f"mug-{number}") for number in range(20)]
    events = [msgspec.json.encode(newcomer).decode() for newcomer in newcomers]
    planner.start(f"EVENTS = {events!r}\n{LATE}{CODE}")
    expected = {"known", *(newcomer.product_id for newcomer in newcomers)}
    wait_until(lambda: {job.product_id for job in planner.jobs()} == expected, 30)
    planner.wait_until_idle()
