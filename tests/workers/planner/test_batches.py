"""Which records the planner takes together."""

from __future__ import annotations

import asyncio

import pytest

from workers.kafka.records import Record
from workers.planner.agents import batches


def keys_of_batches(keys, most=100, pending=()):
    """The keys of the batches that queued records give; those in `pending` lack their versions."""

    async def run():
        asked: asyncio.Queue = asyncio.Queue()
        answers = {}
        for offset, key in enumerate(keys):
            place = {"topic": "any", "partition": 0, "offset": offset, "timestamp_ms": 0}
            record = Record(key=key.encode(), value=b"", raw_headers=[], **place)
            answers[offset] = asyncio.get_running_loop().create_future()
            if key not in pending:
                answers[offset].set_result("version")
            asked.put_nowait((None, record, answers[offset]))
        found, taken = [], 0
        async for batch in batches(asked, most):
            found.append("".join(record.key.decode() for _, record, _ in batch))
            assert all(question.done() for _, _, question in batch)
            taken += len(batch)
            if taken == len(keys):
                return found
            if not answers[taken].done():
                answers[taken].set_result("version")
        return found

    return asyncio.run(asyncio.wait_for(run(), 30))


@pytest.mark.parametrize(
    ("keys", "most", "pending", "together"),
    [
        ("abcde", 100, "", ["abcde"]),
        ("abcde", 2, "", ["ab", "cd", "e"]),
        ("abc", 1, "", ["a", "b", "c"]),
        ("abaacb", 100, "", ["ab", "a", "acb"]),
        ("abcd", 100, "c", ["ab", "cd"]),
        ("abcd", 100, "bd", ["a", "bc", "d"]),
    ],
)
def test_a_batch_is_of_distinct_keys_in_order_whose_versions_are_known(
    keys, most, pending, together
):
    assert keys_of_batches(keys, most, pending) == together
