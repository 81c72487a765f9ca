"""Records of one key in several partitions: the newest by time counts, whenever it is read."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from workers.kafka.records import Record
from workers.kafka.table import NewestByKey

NOW_MS = int(time.time() * 1000)
KEYS = (b"mug", b"cap")


@st.composite
def logs(draw: st.DrawFn) -> list[list[Record]]:
    """Three partitions, each with records of rising times; one of another topic beside them."""
    found = []
    for partition in range(3):
        times = sorted(draw(st.lists(st.integers(0, 9), max_size=6)))
        found.append(
            [
                Record(
                    topic="products",
                    partition=partition,
                    offset=offset,
                    key=draw(st.sampled_from(KEYS)),
                    value=draw(st.none() | st.just(f"{partition}/{offset}".encode())),
                    raw_headers=[],
                    timestamp_ms=NOW_MS + at,
                )
                for offset, at in enumerate(times)
            ]
        )
    return found


def table_of(records: list[Record]) -> dict[bytes | None, bytes]:
    table: dict[bytes | None, bytes] = {}
    for record in NewestByKey(["products"]).of(records):
        if record.value is None:
            table.pop(record.key, None)
        else:
            table[record.key] = record.value
    return table


@given(logs(), st.data())
def test_a_table_does_not_depend_on_the_order_of_its_partitions(
    partitions: list[list[Record]], data: st.DataObject
) -> None:
    by_time = sorted(
        (record for log in partitions for record in log),
        key=lambda record: (record.timestamp_ms, record.partition, record.offset),
    )
    last = {record.key: record.value for record in by_time}
    expected = {key: value for key, value in last.items() if value is not None}
    left = [log.copy() for log in partitions]
    read = []
    while any(left):
        read.append(data.draw(st.sampled_from([log for log in left if log])).pop(0))
    assert table_of(read) == expected


def record(partition: int, value: bytes | None, at: int, topic: str = "products") -> Record:
    return Record(
        topic=topic,
        partition=partition,
        offset=0,
        key=b"mug",
        value=value,
        raw_headers=[],
        timestamp_ms=at,
    )


def test_a_removed_product_stays_removed_though_its_event_is_read_last() -> None:
    assert table_of([record(0, None, NOW_MS), record(3, b"mug", NOW_MS - 1)]) == {}
    assert table_of([record(0, None, NOW_MS), record(3, b"mug", NOW_MS + 1)]) == {b"mug": b"mug"}


def test_within_a_partition_the_later_offset_counts_whatever_its_time() -> None:
    assert table_of([record(0, b"new", NOW_MS), record(0, None, NOW_MS - 9)]) == {}


def test_a_time_in_microseconds_does_not_outlive_all_others() -> None:
    assert table_of([record(0, b"mug", NOW_MS * 1000), record(3, None, NOW_MS)]) == {}
    assert table_of([record(0, b"mug", NOW_MS), record(0, b"late", NOW_MS * 1000)]) == {
        b"mug": b"mug"
    }


def test_topics_of_our_own_are_left_as_they_are() -> None:
    assert table_of(
        [record(0, None, NOW_MS, "renders"), record(3, b"mug", NOW_MS - 1, "renders")]
    ) == {b"mug": b"mug"}
