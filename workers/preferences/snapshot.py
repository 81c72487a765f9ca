"""What can be recommended now: the snapshot, from the catalogue and the announced factors.

New factors are loaded beside the old ones, then swapped; where they are rejected, the old ones stay
in use. Campaigns run by the time that the caller passes, which should be the worker's clock: by
records' timestamps a late record would bring a campaign back, and a wrong one start it early.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from schemas.events import ModelAnnouncement
from stylecore.errors import Transient
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors
from stylecore.recommender.popularity import Popularity, Priors
from stylecore.recommender.snapshot import CatalogSnapshot, arrange
from stylecore.recommender.style_policy import ChoiceRules
from workers.catalog import CatalogueFollower
from workers.factors import LoadFactors
from workers.telemetry import FACTORS_INFO, FACTORS_MADE, FACTORS_VERSION, log

POPULARITY_SECONDS = 1.0
"""How often popularity is used afresh while there are no factors."""


class SnapshotProvider:
    """Provides the snapshot, rebuilt when catalogue, factors, popularity or campaigns change."""

    def __init__(
        self,
        follower: CatalogueFollower,
        load_factors: LoadFactors,
        popularity: Callable[[Catalogue], Popularity],
        choice_rules: ChoiceRules,
        clock: Callable[[], float],
    ) -> None:
        self._follower = follower
        self._load_factors = load_factors
        self.popularity = popularity(follower.catalogue)
        self._choice_rules = choice_rules
        self._clock = clock
        self._factors: Factors | None = None
        self._announced: ModelAnnouncement | None = None
        self._snapshot: CatalogSnapshot | None = None
        self._priors: Priors | None = None
        self._counted_at = 0.0
        self._made_at: datetime | None = None

    @property
    def catalogue(self) -> Catalogue:
        """Products and renders that were read so far."""
        return self._follower.catalogue

    @property
    def needs_popularity(self) -> bool:
        """Whether popularity is counted from states: until there are factors, which contain it."""
        return self._factors is None

    def renewed_at(self, now: datetime) -> datetime:
        """Return since when older lists are outdated: by new factors, or by a campaign."""
        since = self.snapshot(now).schedule.since
        return since if self._made_at is None else max(since, self._made_at)

    def follow(self) -> None:
        """Apply new records of the catalogue topics, and load announced factors."""
        self._follower.follow()
        self._load_announced()

    def catch_up(self, stop: threading.Event) -> None:
        """Read the catalogue topics to their end, and load announced factors. Raises Transient."""
        self._follower.catch_up(stop)
        self._load_announced()

    def snapshot(self, now: datetime) -> CatalogSnapshot:
        """Return the snapshot at `now`; the same object while nothing has changed."""
        if self._snapshot is None or self._is_stale(self._snapshot, now):
            priors = self._current_priors(now)
            self._snapshot = arrange(
                self.catalogue, self._factors, priors, self._choice_rules, now, self._snapshot
            )
        return self._snapshot

    def _current_priors(self, now: datetime) -> Priors:
        """Return the factors' priors; while there are none, popularity, as it was read last.

        Products whose popularity has not changed are not prepared again for ranking.
        """
        if self._factors is not None:
            return self._factors.priors
        if self._priors is None or self._is_time_for_popularity():
            self._priors, self._counted_at = self.popularity.priors(now), self._clock()
        return self._priors

    def _is_time_for_popularity(self) -> bool:
        return self._priors is None or self._clock() - self._counted_at > POPULARITY_SECONDS

    def refresh_popularity(self) -> None:
        """Read popularity for the next snapshot: states of whole partitions were counted."""
        self._priors = None

    def close(self) -> None:
        """Close the connection."""
        self._follower.close()

    def _is_stale(self, snapshot: CatalogSnapshot, now: datetime) -> bool:
        if snapshot.changes != self.catalogue.changes or snapshot.factors is not self._factors:
            return True
        if not snapshot.schedule.holds(now):
            return True
        return self._factors is None and self._is_time_for_popularity()

    def _load_announced(self) -> None:
        announced = self._follower.announced
        if announced is None or announced == self._announced:
            return
        try:
            factors = self._load_factors(announced)
        except Transient as problem:
            log.warning("factors_delayed", version=announced.version, why=str(problem))
            return
        if factors is not None:
            self._factors, self._made_at = factors, announced.made_at
            FACTORS_VERSION.clear()
            FACTORS_VERSION.labels(factors.version).set(1)
            FACTORS_INFO.info({"version": factors.version, "parent": factors.parent or ""})
            FACTORS_MADE.set(announced.made_at.timestamp())
            log.info("factors_loaded", version=factors.version, products=len(factors.product_ids))
        self._announced = announced
