"""A cluster of three that loses a broker under load loses no event and doubles none."""

import pytest
from chaos.cluster import lose_a_broker


@pytest.mark.integration
def test_a_lost_broker_loses_nothing(tmp_path, record_property):
    found = lose_a_broker(tmp_path)
    record_property("longest_stall_seconds", found["longest_stall_seconds"])
    assert found["lost"] == 0
    assert found["events"] > 100
