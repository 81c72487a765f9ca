"""A record is done when the broker has every change of the tables that it caused."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import faust
import pytest
from aiokafka.errors import KafkaTimeoutError

from workers.planner.faust_app import KeptTable


class Change(asyncio.Future):
    """A change under way, as Faust's producer hands it out."""

    message = SimpleNamespace(partition=0)


@pytest.fixture
def sent(monkeypatch):
    """Key, value and future of each change, in order."""
    changes = []

    def send_changelog(self, partition, key, value, *_args, **_more):
        changes.append((key, value, Change()))
        return changes[-1][2]

    monkeypatch.setattr(faust.Table, "send_changelog", send_changelog)
    return changes


def table() -> KeptTable:
    app = faust.App("test", store="memory://", Table=KeptTable)
    return app.Table("kept", partitions=1, use_partitioner=True)


def test_it_waits_for_every_change(sent):
    async def scenario():
        kept = table()
        kept[b"one"], kept[b"two"] = b"1", b"2"
        waiting = asyncio.ensure_future(kept.kept())
        sent[0][2].set_result(None)
        await asyncio.sleep(0.01)
        assert not waiting.done()
        sent[1][2].set_result(None)
        await waiting

    asyncio.run(scenario())


def test_what_the_broker_refused_is_sent_again_as_it_is_then(sent):
    async def scenario():
        kept = table()
        kept[b"one"], kept[b"two"] = b"1", b"2"
        del kept[b"two"]
        for _key, _value, change in sent:
            change.set_exception(KafkaTimeoutError())
        for key, value in ((b"one", b"1"), (b"two", None)):
            with pytest.raises(KafkaTimeoutError):
                await kept.kept()
            assert sent[-1][:2] == (key, value)
            sent[-1][2].set_result(None)
        await kept.kept()
        assert sent[1][2].exception()  # a later change took its place: nobody waits for it

    asyncio.run(scenario())
