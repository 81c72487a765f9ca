"""Removing from the store what no record names any more, beside workers that go on drawing.

1. Read the topics: every sha256 in a record's value names a file. Lists for shoppers count until
   they are no longer valid.
2. Find what is unneeded and older than the age limit (stylecore.storage.prune).
3. Remove the sidecars among it, so that no batch from now on publishes their images.
4. Wait for the batches that had already found such a sidecar.
5. Read what the topics have brought since, and find again.
6. Remove what was unneeded both times and was not written anew: who draws an image again renews it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain

from msgspec import Struct

from schemas.codec import InvalidEvent, decode
from schemas.topics import JOBS, RECOMMENDATIONS, TOPICS, USER_STATES, dead_letter_topic
from schemas.types import Time
from stylecore.storage.prune import Unneeded, find_unneeded, remove_if_old
from stylecore.storage.store import Store, StoredFile
from workers.kafka.records import Record
from workers.kafka.table import TableReader, partitions_of_names
from workers.kafka.topics import topic_name
from workers.settings import Settings

SHA256 = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
NAMING = [
    topic
    for topic in TOPICS
    if topic is JOBS or (topic.cleanup == "compact" and topic is not USER_STATES)
]
"""Shoppers' states name no files; jobs of the last days may name a photo that is a render."""
LETTERS = [dead_letter_topic(topic.name) for topic in TOPICS if topic.dead_letters_of]
"""Dead letters may point to records that are kept in the store."""


class Limits(Struct, frozen=True):
    """What is left alone."""

    age: timedelta
    """Files written within this time."""
    keep_factors: int
    """As many of the newest artifacts."""
    wait_seconds: float
    """Longer than a batch of the stylize worker, its transaction included."""


class Pruned(Struct, frozen=True):
    """What was found unneeded at first, and the files that went."""

    found: Unneeded
    removed: int
    removed_bytes: int


class _Validity(Struct, frozen=True):
    valid_until: Time


class Names:
    """The digests that the topics' records name, as a compacted topic would keep them."""

    def __init__(self, settings: Settings, now: datetime) -> None:
        """Raises Permanent where a topic is missing."""
        self._now = now
        self._is_table = {
            topic_name(settings, topic): topic.cleanup == "compact" for topic in NAMING
        }
        self._is_table |= {topic_name(settings, name): False for name in LETTERS}
        self._lists = topic_name(settings, RECOMMENDATIONS)
        self._reader = TableReader(settings, partitions_of_names(settings, [*self._is_table]))
        self._by_key: dict[tuple[str, bytes | int | None], frozenset[bytes]] = {}
        self._listed: set[bytes] = set()

    def read(self) -> set[bytes]:
        """Every digest that is named, up to the topics' present end. Raises Transient."""
        for record in self._reader.read_to_end(threading.Event()):
            self._take(record)
        return self._listed.union(*self._by_key.values())

    def close(self) -> None:
        """End the connection."""
        self._reader.close()

    def _take(self, record: Record) -> None:
        digests = frozenset(
            bytes.fromhex(found.decode()) for found in SHA256.findall(record.value or b"")
        )
        if record.topic == self._lists:  # far too many keys to keep
            if record.value is not None and _is_valid(record.value, self._now):
                self._listed |= digests
            return
        place = record.key if self._is_table[record.topic] else record.offset
        self._by_key[f"{record.topic}/{record.partition}", place] = digests


def prune(
    settings: Settings,
    store: Store,
    limits: Limits,
    *,
    apply: bool,
    now: datetime,
    wait: Callable[[float], object],
) -> Pruned:
    """Find what nothing names; with `apply` remove it. Raises Transient and Permanent."""
    names, before = Names(settings, now), now - limits.age
    try:
        found = find_unneeded(store, names.read(), before, limits.keep_factors)
        if not apply:
            return Pruned(found, 0, 0)
        removed = [file for file in found.sidecars if remove_if_old(store, file, before)]
        wait(limits.wait_seconds)
        again = find_unneeded(store, names.read(), before, limits.keep_factors)
    finally:
        names.close()
    both = set(_blobs(found)) & set(_blobs(again))
    removed += [file for file in both if remove_if_old(store, file, before)]
    return Pruned(found, len(removed), sum(file.size for file in removed))


def _blobs(unneeded: Unneeded) -> chain[StoredFile]:
    return chain.from_iterable(unneeded.blobs.values())


def _is_valid(value: bytes, now: datetime) -> bool:
    """Whether a list still holds; one that cannot be read is taken to."""
    try:
        return decode(_Validity, value).valid_until >= now
    except InvalidEvent:
        return True
