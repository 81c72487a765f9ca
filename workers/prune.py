"""Removing files from the store that no record names, while workers keep writing.

1. Read the topics: every sha256 in a record's value names a file. Lists for shoppers count until
   they expire.
2. Find files that are not named and older than the age limit (stylecore.storage.prune).
3. Remove the sidecars among them, so that no later batch publishes their images.
4. Wait for the batches that had already read such a sidecar.
5. Read what the topics have brought since, and find files again.
6. Remove those that were found both times and were not written again meanwhile: drawing an image
   again renews its file.
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
"""Topics that may name files: not states; jobs may name a photo that is a render."""
LETTERS = [dead_letter_topic(topic.name) for topic in TOPICS if topic.dead_letters_of]
"""Dead letters may point to records that are kept in the store."""


class Limits(Struct, frozen=True):
    """Which files are kept."""

    age: timedelta
    """Files written within this time."""
    keep_factors: int
    """How many of the newest factors."""
    wait_seconds: float
    """Between the two searches: longer than a batch of stylize and its transaction."""


class Pruned(Struct, frozen=True):
    """What the first search found, and what was removed."""

    found: Unneeded
    removed: int
    removed_bytes: int


class _Validity(Struct, frozen=True):
    valid_until: Time


class Names:
    """The digests that the topics' records name; of a compacted topic, the newest record counts."""

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
        """Return every named digest, up to the topics' present end. Raises Transient."""
        for record in self._reader.read_to_end(threading.Event()):
            self._take(record)
        return self._listed.union(*self._by_key.values())

    def close(self) -> None:
        """Close the connection."""
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
    """Find files that nothing names; with `apply`, remove them. Raises Transient and Permanent."""
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
    """Return whether a list has not expired; True where it cannot be read."""
    try:
        return decode(_Validity, value).valid_until >= now
    except InvalidEvent:
        return True
