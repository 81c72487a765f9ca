"""What an agent has not taken yet is kept by a flow that is resumed while it flows."""

import pytest
from mode.utils.queues import FlowControlQueue

from workers.planner.faust_app import OpenFlow


@pytest.fixture
def flow():
    return OpenFlow()


@pytest.fixture
def queue(flow):
    """A queue with a record that came through the flow."""
    found = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    flow.resume()
    found.put_nowait("record")
    return found


def test_a_flow_that_is_resumed_while_it_flows_drops_nothing(flow, queue):
    flow.resume()
    assert queue.get_nowait() == "record"


def test_a_flow_that_begins_again_drops_what_came_before(flow, queue):
    flow.suspend()
    flow.resume()
    assert queue.empty()
