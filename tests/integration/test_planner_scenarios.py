"""Campaigns, a budget of renders, and new products, through the topics of a real cluster."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import worlds
from helpers import wait_until
from integration.test_refused_factors import announce
from planner_driver import OWN_STYLES, product, styles_of

from schemas.events import Campaign, Style, StyleDemand
from schemas.topics import DEMAND, PRODUCTS, STYLES, STYLIZED
from stylecore.recommender.factors import encoded
from stylecore.recommender.popularity import Priors

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_a_campaigns_pictures_come_before_its_start_and_go_with_its_end(planner):
    restart(planner, STYLECAST_PLANNER__CAMPAIGN_LEAD_HOURS=str(25 / 3600))
    starts_at = datetime.now(UTC) + timedelta(seconds=45)
    planner.send(PRODUCTS, product("mug"))
    window = Campaign(starts_at=starts_at, ends_at=starts_at + timedelta(seconds=20))
    theme = {"style_id": "lights", "label": "Lights", "weights": {"neon": 0.5, "ink-line": 0.5}}
    planner.send(STYLES, Style(**theme, campaign=window))
    planner.wait_for_jobs(1)
    ordered = planner.wait_for_jobs(2)[1]
    assert (styles_of(ordered), ordered.reason) == (["lights"], "campaign")
    assert starts_at - timedelta(seconds=25) <= ordered.requested_at < starts_at

    restart(planner)  # it knows what it has ordered, and sees the end that comes
    wait_until(lambda: withdrawn(planner) != set(), 90)
    assert datetime.now(UTC) >= window.ends_at
    assert withdrawn(planner) == {b"mug/lights"}
    assert len(planner.jobs()) == 2


def test_a_budget_is_kept_gives_way_to_demand_and_loses_nothing_to_a_kill(planner):
    restart(planner, STYLECAST_PLANNER__RENDERS_PER_MINUTE="60")
    began = datetime.now(UTC)
    wanted = {"window_start": began, "window_end": began, "wanted": 9}
    planner.send(DEMAND, StyleDemand(product_id="mug-7", style_id="neon", **wanted))
    wait_until(lambda: len(planner.plan()["demand"]) == 1, 60)
    numbers = [7, *range(7), *range(8, 20)]
    for number in numbers:
        planner.send(PRODUCTS, product(f"mug-{number}"))
    wait_until(lambda: planner.plan()["budget"]["waiting"] > 30, 60)
    assert planner.plan()["budget"]["renders_per_minute"] == 60
    assert "pictures wait" in planner.page("/plan")
    wait_until(lambda: len(planner.jobs()) >= 10, 60)

    planner.kill()
    planner.start()
    everything = {(f"mug-{number}", style) for number in numbers for style in OWN_STYLES}
    wait_until(lambda: set(pairs(planner)) == everything, 120)
    jobs = planner.jobs()
    assert (jobs[0].product_id, styles_of(jobs[0]), jobs[0].reason) == ("mug-7", ["neon"], "demand")
    assert {job.reason for job in jobs[1:]} == {"launch"}
    assert len(pairs(planner)) <= len(everything) + 2  # what was sent and not remembered
    passed = max(job.requested_at for job in jobs) - began
    assert len(pairs(planner)) <= passed.total_seconds() + 6
    wait_until(lambda: planner.plan()["budget"]["waiting"] == 0, 60)


def test_a_new_product_is_ordered_first_in_what_its_category_likes(planner):
    for style_id in ("pastel", "pop-art", "sepia"):
        planner.send(STYLES, Style(style_id=style_id, label="A style", weights={"neon": 0.5}))
    announce(planner.settings, factors_that_like("sepia", "pop-art", "neon"))
    wait_until(lambda: planner.plan()["factors_version"] is not None, 60)
    restart(planner)  # what it has read once it reads again
    liked = planner.plan()["factors_version"]
    planner.send(PRODUCTS, product("mug"))
    first, rest = planner.wait_for_jobs(2)
    assert (styles_of(first), styles_of(rest)) == (
        ["neon", "pop-art", "sepia"],
        ["ink-line", "pastel"],
    )

    # What must not be used changes nothing.
    announce(planner.settings, factors_that_like("pastel"), sha256="0" * 64)
    time.sleep(7)  # longer than from one look to the next
    assert planner.plan()["factors_version"] == liked
    planner.send(PRODUCTS, product("mug-2"))
    assert [styles_of(job) for job in planner.wait_for_jobs(4)[2:]] == [
        styles_of(first),
        styles_of(rest),
    ]


def factors_that_like(*style_ids: str):
    """Factors whose shoppers of mugs like these styles, the first one most."""
    likes = np.array([[1000 - place for place in range(len(style_ids))]])
    priors = Priors(
        product_ids=("product-0",),
        product_weights=np.ones(1, dtype=np.float32),
        categories=("mug",),
        style_ids=style_ids,
        category_style=likes.astype(np.float32),
    )
    some = replace(worlds.factors(4, 2, np.random.default_rng(0)), priors=priors)
    return encoded(some).factors


def restart(planner, **environment: str) -> None:
    """Stops it by SIGTERM and starts it anew, with other settings."""
    planner.process.send_signal(signal.SIGTERM)
    assert planner.process.wait(30) == 0
    planner.environment.update(environment)
    planner.start()


def pairs(planner) -> list[tuple[str, str]]:
    return [(job.product_id, style_id) for job in planner.jobs() for style_id in styles_of(job)]


def withdrawn(planner) -> set[bytes]:
    return {record.key for record in planner.read(STYLIZED.name) if record.value is None}
