"""The trainer: all shoppers' states in, a versioned artifact and its announcement out.

preferences.users.v1 and the catalogue, followed as tables -> implicit ALS from the last factors
-> the artifact in the store -> models.preferences.v1. It is in no group: it reads everything, and
one instance is enough. Whether a new version is better than its parent is not measured here yet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from schemas.events import ModelAnnouncement, UserState
from schemas.topics import PREFERENCE_MODELS, USER_STATES
from stylecore import factors as artifacts
from stylecore.errors import Permanent, Transient
from stylecore.factors import Factors
from stylecore.fit import FitSettings, fit
from stylecore.store import Store
from workers.catalogue import CatalogueFollower
from workers.patience import Pause
from workers.preferences import rules_of
from workers.publisher import Publisher
from workers.settings import Settings, TrainerSettings
from workers.table import TableReader, partitions_of
from workers.telemetry import Health, log, stage
from workers.user_states import take_state

WORKER = "trainer"
SOURCE = "/stylecast/trainer"
NAME = "preferences"
FOLDER = "models/preferences"
WAIT_SECONDS = 1.0


def run_trainer(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Work until `stop` is set. Raises Permanent where a topic is missing."""
    pause = Pause(stop)
    while not stop.is_set():
        try:
            with closing(Trainer(settings, stop)) as trainer:
                trainer.restore()
                health.ready = True
                while not stop.is_set():
                    trainer.step()
                    pause.reset()
        except Transient as problem:
            pause.after(problem)
        finally:
            health.ready = False


class Trainer:
    """The states, the last factors, and what has changed since they were fitted."""

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._store = Store(settings.store.uri)
        self._follower = CatalogueFollower(settings)
        self._reader = TableReader(settings, partitions_of(settings, [USER_STATES]))
        self._publisher = Publisher(settings, SOURCE)
        self._states: dict[str, UserState] = {}
        self._changed = 0
        self._factors: Factors | None = None
        self._fitted_at = clock()

    def restore(self) -> None:
        """Read the catalogue, the states and the last factors. Raises Transient."""
        self._follower.catch_up(self._stop)
        for record in self._reader.read_to_end(self._stop):
            take_state(record, self._states)
            self._changed += 1
        self._factors = self._announced_factors()
        log.info("restored", users=len(self._states), version=_version(self._factors))

    def step(self) -> None:
        """Take what has come, and fit when it is time. Raises Transient."""
        for record in self._reader.wait(WAIT_SECONDS):
            take_state(record, self._states)
            self._changed += 1
        if self._is_time():
            self._follower.catch_up(self._stop)
            self._refit(datetime.now(UTC))

    def close(self) -> None:
        """End the connections."""
        self._reader.close()
        self._follower.close()

    def _is_time(self) -> bool:
        wanted = self._settings.trainer
        if not self._changed or len(self._states) < wanted.least_shoppers:
            return False
        waited = self._clock() - self._fitted_at
        is_first = self._factors is None
        return is_first or self._changed >= wanted.refit_records or waited >= wanted.refit_seconds

    def _refit(self, now: datetime) -> None:
        rules, _ = rules_of(self._settings.preferences)
        states = list(self._states.values())
        catalogue = self._follower.catalogue
        started = self._clock()
        with stage(WORKER, "fit"):
            factors = fit(
                states, catalogue, self._factors, fit_settings(self._settings.trainer), rules, now
            )
        self._changed, self._fitted_at = 0, self._clock()
        if factors is None:
            log.info("nothing to fit", users=len(states))
            return
        metrics = {
            "users": float(len(states)),
            "products": float(len(factors.product_ids)),
            "factors": float(factors.product_factors.shape[1]),
            "fit_seconds": round(self._clock() - started, 3),
        }
        self._announce(factors, metrics, now)

    def _announce(self, factors: Factors, metrics: dict[str, float], now: datetime) -> None:
        """Store the artifact first, then tell of it."""
        content = artifacts.encode(factors)
        address, digest = self._store.put_blob(FOLDER, content, ".npz")
        announcement = ModelAnnouncement(
            name=NAME,
            version=factors.version,
            parent=factors.parent,
            uri=address,
            sha256=digest,
            made_at=now,
            metrics=metrics,
        )
        self._publisher.send(PREFERENCE_MODELS, announcement, now)
        self._publisher.flush()
        self._factors = factors
        log.info("announced", version=factors.version, parent=factors.parent, **metrics)

    def _announced_factors(self) -> Factors | None:
        """The factors in use, from which the next fit starts; None where they cannot be read."""
        announced = self._follower.announced
        if announced is None:
            return None
        try:
            content = self._store.get(announced.uri)
            return artifacts.decode(content, announced.sha256, announced.uri)
        except Permanent as problem:
            log.error("factors refused", version=announced.version, why=str(problem))
            return None


def fit_settings(settings: TrainerSettings) -> FitSettings:
    """The fit's settings in stylecore's terms."""
    return FitSettings(
        width=settings.factors,
        iterations=settings.iterations,
        regularization=settings.regularization,
        alpha=settings.alpha,
        seed=settings.seed,
    )


def _version(factors: Factors | None) -> str:
    return "none" if factors is None else factors.version
