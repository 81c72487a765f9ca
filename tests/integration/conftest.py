"""What the tests on a real broker share besides the broker."""

from __future__ import annotations

import socket

import pytest
from generators import write_generator
from planner_driver import OWN_STYLES, PlannerDriver


@pytest.fixture
def planner(settings, topics, environment, tmp_path):
    """Starts the planner; yields what the tests need of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment["STYLECAST_STYLIZE__MODEL"] = str(write_generator(tmp_path / "model", OWN_STYLES))
    environment["STYLECAST_WORKER__HTTP_PORT"] = str(port)
    with PlannerDriver(settings, environment, port) as driver:
        yield driver
