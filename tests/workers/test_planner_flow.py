"""What an agent has not taken yet is kept by a flow that is resumed while it flows."""

from mode.utils.queues import FlowControlQueue

from workers.planner.flow import OpenFlow


def test_a_flow_that_is_resumed_while_it_flows_drops_nothing():
    flow = OpenFlow()
    queue = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    flow.resume()
    queue.put_nowait("read after the restore")
    flow.resume()
    assert queue.get_nowait() == "read after the restore"


def test_a_flow_that_begins_again_drops_what_came_before():
    flow = OpenFlow()
    queue = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    flow.resume()
    queue.put_nowait("read before the partitions moved")
    flow.suspend()
    flow.resume()
    assert queue.empty()
