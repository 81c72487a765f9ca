"""The preferences worker's job in Faust, its best form: the baseline of `bench_preferences.py`.

take_events(2000), state in a dictionary, the worker's own handler and so the same stylecore calls,
records sent together and awaited together, no table and no transaction. Run as a process with the
worker's settings.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

import faust  # noqa: E402

from schemas.topics import FEEDBACK  # noqa: E402
from workers.kafka.table import partitions_of  # noqa: E402
from workers.kafka.topics import group_id, topic_name  # noqa: E402
from workers.planner.faust_app import OFF, raw_topic, record_of, web_port  # noqa: E402
from workers.preferences.state import raise_gc_threshold  # noqa: E402
from workers.preferences.worker import PreferencesHandler  # noqa: E402
from workers.settings import load_settings  # noqa: E402

BATCH, WITHIN_SECONDS = 2000, 0.1
GROUP = "preferences-faust"


def main() -> None:
    """Restore, then work until SIGTERM."""
    settings = load_settings()
    raise_gc_threshold()
    handler = PreferencesHandler(settings, threading.Event())
    handler.assigned(partitions_of(settings, [FEEDBACK]))
    with tempfile.TemporaryDirectory() as folder:
        app = faust.App(
            group_id(settings, GROUP),
            broker=f"kafka://{settings.kafka.bootstrap_servers}",
            store="memory://",
            datadir=folder,
            broker_commit_interval=0.2,
            stream_buffer_maxsize=32_768,
            web_port=web_port(settings),
            **OFF,
        )

        async def agent(stream: Any) -> None:
            async for events in stream.take_events(BATCH, WITHIN_SECONDS):
                await _work(app, handler, events)

        source = raw_topic(app, topic_name(settings, FEEDBACK))
        app.agent(source, concurrency=1, name="feedback")(agent)
        worker = faust.Worker(
            app, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True, override_logging=True
        )
        worker.execute_from_commandline()


async def _work(app: Any, handler: PreferencesHandler, events: list[Any]) -> None:
    """One batch: results are delivered before its events are acknowledged."""
    outputs = handler.process([record_of(event.message) for event in events])
    producer = await app.maybe_start_producer()
    waiting = [
        await producer.send(out.topic, out.key, out.value, _place(out), None, list(out.headers))
        for out in outputs
    ]
    await asyncio.gather(*waiting)
    handler.committed()


def _place(output: Any) -> int | None:
    return None if output.partition < 0 else output.partition


if __name__ == "__main__":
    main()
