"""What a group's offsets mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.lag.status import Offsets, PartitionLag, group_lag, lag_of

SPANS = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(
    lambda pair: Offsets(min(pair), max(pair))
)
COMMITS = st.none() | st.integers(0, 1200)


@given(COMMITS, SPANS)
def test_lag_is_never_negative_nor_more_than_there_is(committed, offsets):
    assert 0 <= lag_of(committed, offsets) <= offsets.end - offsets.start


@given(SPANS)
def test_a_group_that_never_committed_is_behind_by_all_there_is(offsets):
    assert lag_of(None, offsets) == offsets.end - offsets.start


@given(COMMITS, SPANS)
def test_where_no_record_is_left_there_is_no_lag(committed, offsets):
    assert lag_of(committed, offsets, first_record=offsets.end) == 0


@given(st.integers(0, 1000), SPANS)
def test_a_record_counts_from_where_it_lies(first_record, offsets):
    seen = lag_of(offsets.start, offsets, first_record=first_record)
    assert seen == max(0, offsets.end - max(offsets.start, first_record))


def test_a_groups_lag_is_its_partitions_summed_in_order():
    parts = [
        PartitionLag(topic="b", partition=0, committed=None, start=0, end=3, lag=3),
        PartitionLag(topic="a", partition=1, committed=1, start=0, end=3, lag=2),
        PartitionLag(topic="a", partition=0, committed=3, start=0, end=3, lag=0),
    ]
    group = group_lag("g", "EMPTY", 0, parts)
    assert group.lag == 5
    assert [(part.topic, part.partition) for part in group.partitions] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
    ]
