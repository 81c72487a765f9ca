"""A planner that is stopped in the middle of a record has not done it."""

from __future__ import annotations

import itertools
import signal
import time

import pytest
from helpers import wait_until
from planner_driver import CODE, OWN_STYLES, product, styles_of

from schemas.events import Style
from schemas.topics import PRODUCTS, STYLES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

NEVER_SENT = """
import asyncio, os, pathlib
from workers.planner import agents

async def send(app, outputs):
    if outputs:
        pathlib.Path(os.environ["IN_HAND"]).touch()
        await asyncio.sleep(600)

agents.send = send
"""
"""What it would send, it never does: so the record stays in hand for as long as the test needs."""


def test_what_sigterm_finds_in_hand_and_waiting_comes_again_after_the_restart(planner, tmp_path):
    planner.send(PRODUCTS, product("known"))
    planner.wait_for_jobs(1)
    stop(planner)

    in_hand = tmp_path / "in-hand"
    planner.environment["IN_HAND"] = str(in_hand)
    planner.start(NEVER_SENT + CODE)
    planner.send(PRODUCTS, product("new"))
    wait_until(in_hand.exists, 60)
    planner.send(STYLES, Style(style_id="warm", label="Warm", weights={"neon": 1.0}, seed=7))
    time.sleep(3)  # it is read meanwhile, and waits for its turn
    stop(planner)
    assert len(planner.jobs()) == 1

    planner.start()
    planner.wait_until_idle()
    ordered = {(job.product_id, style_id) for job in planner.jobs() for style_id in styles_of(job)}
    assert ordered == set(itertools.product(["known", "new"], [*OWN_STYLES, "warm"]))


def stop(planner) -> None:
    planner.process.send_signal(signal.SIGTERM)
    assert planner.process.wait(30) == 0
