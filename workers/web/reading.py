"""What the threads of the web worker read, and how it comes to the loop that shows it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from workers.kafka.records import Record
from workers.kafka.table import NewestByKey
from workers.kafka.topics import topic_name
from workers.telemetry import log
from workers.web.follow import follow
from workers.web.journal import JOURNALS
from workers.web.site import Site
from workers.web.tables import BY_OTHERS, TABLES, Change


def reading_tables(site: Site, stop: threading.Event) -> Callable[[], None]:
    """Reads the tables' topics; the loop of this call takes what was read."""
    loop = asyncio.get_running_loop()
    contract = {topic_name(site.settings, topic): topic.name for topic in TABLES}
    newest = NewestByKey(topic_name(site.settings, topic) for topic in BY_OTHERS)

    def take(records: list[Record]) -> None:
        changes = [
            Change(contract[it.topic], _text(it.key), it.value, it.offset)
            for it in newest.of(records)
        ]
        loop.call_soon_threadsafe(lambda: site.watchers.notify(site.tables.apply(changes)))

    def caught_up() -> None:
        loop.call_soon_threadsafe(setattr, site.health, "ready", True)  # after what was read
        log.info("tables read")

    return lambda: follow(site.settings, [*contract], take, caught_up, stop)


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")


def reading_journal(site: Site, stop: threading.Event) -> Callable[[], None]:
    """Reads what the console counts, likewise."""
    loop = asyncio.get_running_loop()
    contract = {topic_name(site.settings, name): name for name in JOURNALS}

    def take(records: list[Record]) -> None:
        changes = [(contract[it.topic], it) for it in records]
        loop.call_soon_threadsafe(site.journal.take, changes)

    return lambda: follow(site.settings, [*contract], take, lambda: None, stop)
