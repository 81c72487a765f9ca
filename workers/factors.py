"""Factors and embeddings in the store: loading, following, listing and announcing.

A version is the beginning of its file's sha256, so that the store alone tells which versions exist.
A version that is announced by hand is pinned: the trainer announces no other until it is unpinned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

from schemas.codec import decode
from schemas.events import ModelAnnouncement
from schemas.topics import PREFERENCE_MODELS
from stylecore.errors import Permanent, Transient
from stylecore.recommender import factors
from stylecore.recommender.cold_start import EmbeddingOf
from stylecore.recommender.factors import Factors, version_of
from stylecore.storage.prune import FACTORS
from stylecore.storage.render_cache import Embedding, read_embedding
from stylecore.storage.store import Store
from workers.catalog import CatalogueFollower
from workers.kafka.producer import Publisher
from workers.kafka.records import Record
from workers.kafka.table import TableFollower
from workers.settings import Settings
from workers.telemetry import FACTORS_REJECTED, OncePerMinute, log

LoadFactors = Callable[[ModelAnnouncement], Factors | None]
SOURCE = "/stylecast/factors"
NAME = "preferences"


def factors_loader(settings: Settings, worker: str) -> LoadFactors:
    """Return a function from announcement to factors, None where they are missing or invalid.

    Rejected factors are counted; the caller decides which ones stay in use. A file is memory-mapped
    from the store where that is a local folder, else from a copy in the cache. The function raises
    Transient where the store is down.
    """
    store = Store(settings.store.uri)
    rejected = FACTORS_REJECTED.labels(worker)

    def load(announced: ModelAnnouncement) -> Factors | None:
        try:
            path = store.local_file(announced.uri, settings.store.cache.expanduser())
            return factors.load(path, announced.sha256)
        except Permanent as problem:
            rejected.inc()
            log.error("factors_rejected", version=announced.version, why=str(problem))
            return None

    return load


class FactorsFollower:
    """Follows the announced factors, whole and without a group: the last announcement counts.

    Its calls block, so that an event loop makes them from a thread.
    """

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings = settings
        self._worker = worker
        self._follower: TableFollower | None = None
        self._load_factors = factors_loader(settings, worker)
        self._announced: ModelAnnouncement | None = None
        """Announced and not loaded yet."""
        self._once_a_minute = OncePerMinute()

    def load(self) -> Factors | None:
        """Return factors announced since the last call, None where there are none.

        Factors that cannot be loaded are logged, and the ones in use stay.
        """
        try:
            if self._follower is None:
                tables = {PREFERENCE_MODELS.name: self._put_model}
                self._follower = TableFollower(self._settings, self._worker, tables)
            self._follower.catch_up(threading.Event())
            announced = self._announced
            factors = None if announced is None else self._load_factors(announced)
        except Transient as problem:
            if self._once_a_minute("away"):
                log.warning("factors_delayed", why=str(problem))
            return None
        self._announced = None
        return factors

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._follower is not None:
            self._follower.close()

    def _put_model(self, record: Record) -> None:
        if record.value is not None:
            self._announced = decode(ModelAnnouncement, record.value)


def factor_versions(settings: Settings) -> list[dict[str, Any]]:
    """Return version, time, size, in use and pinned of each artifact, the newest first.

    Raises Transient where the broker or the store is down.
    """
    store = Store(settings.store.uri)
    with closing(CatalogueFollower(settings)) as follower:
        follower.catch_up(threading.Event())
        announced = follower.announced
    pinned = announced is not None and announced.pinned
    in_use = None if announced is None else announced.version
    written = {file: store.written_at(file) for file in store.files(FACTORS)}
    return [
        {
            "version": version_of(file.name),
            "written_at": written[file].isoformat(timespec="seconds"),
            "megabytes": file.size / 1e6,
            "in_use": version_of(file.name) == in_use,
            "pinned": version_of(file.name) == in_use and pinned,
        }
        for file in sorted(written, key=written.__getitem__, reverse=True)
    ]


def latest_version(settings: Settings) -> str:
    """Return the newest version in the store. Raises Permanent where there is none."""
    store = Store(settings.store.uri)
    newest = max(store.files(FACTORS), key=store.written_at, default=None)
    if newest is None:
        raise Permanent("the store has no factors yet: the trainer makes the first")
    return version_of(newest.name)


def version_in_use(settings: Settings) -> str:
    """Return the version announced last. Raises Permanent where there is none."""
    with closing(CatalogueFollower(settings)) as follower:
        follower.catch_up(threading.Event())
        if follower.announced is None:
            raise Permanent("no factors are in use yet: there is nothing to unpin")
        return follower.announced.version


def announce(settings: Settings, version: str, now: datetime, *, pinned: bool) -> None:
    """Announce the artifact of that version. Raises Permanent where the store has none."""
    store = Store(settings.store.uri)
    found = [file for file in store.files(FACTORS) if version_of(file.name) == version]
    if not found:
        raise Permanent(f"the store has no factors {version}: see `stylecast factors list`")
    announcement = ModelAnnouncement(
        name=NAME,
        version=version,
        uri=store.address_of(found[0]),
        sha256=found[0].name,
        made_at=now,
        pinned=pinned,
    )
    with Publisher(settings, SOURCE) as publisher:
        publisher.send(PREFERENCE_MODELS, announcement, now)


def embedding_reader(store: Store) -> EmbeddingOf:
    """Return a function from a photo's sha256 to what the feature network computed of it.

    The function caches embeddings, returns None where the store has none yet, and raises Transient.
    """
    kept: dict[str, Embedding] = {}

    def embedding_of(source: str) -> Embedding | None:
        if source not in kept:
            found = read_embedding(store, source)
            if found is None:
                return None
            kept[source] = found
        return kept[source]

    return embedding_of
