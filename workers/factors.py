"""Announced factors, from the store into memory; what must not be used is kept out and counted.

Which factors are in use instead, the old ones or none, is the caller's to know.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.events import ModelAnnouncement
from stylecore.errors import Permanent
from stylecore.recommender import factors
from stylecore.recommender.factors import Factors
from stylecore.storage.store import Store
from workers.settings import Settings
from workers.telemetry import FACTORS_REJECTED, log

LoadFactors = Callable[[ModelAnnouncement], Factors | None]


def factors_loader(settings: Settings, worker: str) -> LoadFactors:
    """Announcement to factors: None where they are missing, altered, or none; that is counted.

    They are mapped from the store itself where that is a local folder, else from a copy in the
    cache. The loader raises Transient where the store is away.
    """
    store = Store(settings.store.uri)
    rejected = FACTORS_REJECTED.labels(worker)

    def load(announced: ModelAnnouncement) -> Factors | None:
        try:
            path = store.local_file(announced.uri, settings.store.cache.expanduser())
            return factors.load(path, announced.sha256)
        except Permanent as problem:
            rejected.inc()
            log.error("factors refused", version=announced.version, why=str(problem))
            return None

    return load
