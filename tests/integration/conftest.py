"""What the tests on a real broker share besides the broker."""

from __future__ import annotations

import pytest
from generators import write_generator
from planner_driver import OWN_STYLES, PlannerDriver

from workers.broker.ports import free_port


@pytest.fixture
def planner(settings, topics, environment, tmp_path):
    """Starts the planner; yields what the tests need of it."""
    port = free_port()
    environment["STYLECAST_STYLIZE__MODEL"] = str(write_generator(tmp_path / "model", OWN_STYLES))
    environment["STYLECAST_WORKER__HTTP_PORT"] = str(port)
    with PlannerDriver(settings, environment, port) as driver:
        yield driver
