"""The trainer: all shoppers' states in, versioned factors and their announcement out.

1. follow preferences.users.v1 and the catalogue as tables
2. when enough has changed, refit from the last factors (stylecore.recommender.refit)
3. store the artifact, then announce it in models.preferences.v1

A refit that predicts the last hour worse than its parent is logged and counted, and not announced;
the next one starts from the parent again. While the version in use is pinned (`stylecast factors
use`), nothing is fitted; the next refit starts from the version in use, whoever announced it. The
trainer is in no group: it reads everything, and one instance is enough.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from confluent_kafka import KafkaException

from schemas.events import ModelAnnouncement, UserState
from schemas.topics import PREFERENCE_MODELS, USER_STATES
from stylecore.errors import StylecastError
from stylecore.recommender.als import FitSettings
from stylecore.recommender.factors import SUFFIX, Encoded, Factors
from stylecore.recommender.refit import Refit, refit
from stylecore.recommender.rules import Rules
from stylecore.recommender.tune import hyperparameters, in_use, tune
from stylecore.storage.store import Store
from workers.catalog import CatalogueFollower
from workers.factors import embedding_reader, factors_loader
from workers.kafka.crash_guard import count_crash
from workers.kafka.loop import keep_running
from workers.kafka.producer import Publisher
from workers.kafka.retry import Backoff
from workers.kafka.table import TableReader, partitions_of
from workers.preferences.state import take_state
from workers.preferences.worker import rules_of
from workers.settings import Settings, TrainerSettings
from workers.telemetry import REFITS, Health, log, stage

WORKER = "trainer"
SOURCE = "/stylecast/trainer"
NAME = "preferences"
FOLDER = "models/preferences"
WAIT_SECONDS = 1.0
FIRST_RETRY_SECONDS = 10.0
"""After this a first fit that had too few shoppers or products is retried."""


def run_trainer(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Run the worker until `stop` is set. Raises Permanent where a topic is missing."""

    def run(backoff: Backoff) -> None:
        with closing(Trainer(settings, stop)) as trainer:
            trainer.restore()
            health.ready = True
            while not stop.is_set():
                trainer.step()
                backoff.reset()

    keep_running(run, WORKER, health, stop)


class Trainer:
    """The states, the last factors, and how many states have changed since these were fitted."""

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
        self._load_factors = factors_loader(settings, WORKER)
        self._embedding_of = embedding_reader(self._store)
        self._follower = CatalogueFollower(settings)
        self._reader = TableReader(settings, partitions_of(settings, [USER_STATES]))
        self._publisher = Publisher(settings, SOURCE)
        self._states: dict[str, UserState] = {}
        self._changed = 0
        self._factors: Factors | None = None
        self._fitted_at = clock()
        self._has_tried = False

    def restore(self) -> None:
        """Read the catalogue, the states and the last factors. Raises Transient."""
        self._follower.catch_up(self._stop)
        for record in self._reader.read_to_end(self._stop):
            take_state(record, self._states)
            self._changed += 1
        self._load_announced()
        log.info("states_restored", users=len(self._states), version=self._version)

    def step(self) -> None:
        """Apply new records, and fit when it is due. Raises Transient."""
        for record in self._reader.wait(WAIT_SECONDS):
            take_state(record, self._states)
            self._changed += 1
        if self._is_due():
            self._follower.catch_up(self._stop)
            self._load_announced()
            announced = self._follower.announced
            if announced is not None and announced.pinned:
                self._changed, self._fitted_at = 0, self._clock()  # due after as many new states
                REFITS.labels("pinned").inc()
                why = "the version in use is pinned"
                log.info("refit_skipped", why=why, version=self._version)
                return
            try:
                self._refit(datetime.now(UTC))
            except (StylecastError, KafkaException):
                raise
            except Exception as problem:  # noqa: BLE001 (counted; the old factors stay in use)
                count_crash(WORKER, "", problem)
                REFITS.labels("failed").inc()
                self._changed, self._fitted_at = 0, self._clock()

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._follower.close()

    def _is_due(self) -> bool:
        wanted = self._settings.trainer
        if not self._changed or len(self._states) < wanted.least_shoppers:
            return False
        waited = self._clock() - self._fitted_at
        if self._factors is None and (not self._has_tried or waited >= FIRST_RETRY_SECONDS):
            return True
        return self._changed >= wanted.refit_records or waited >= wanted.refit_seconds

    def _load_announced(self) -> None:
        """Load the version in use, where it was not announced by this process."""
        announced = self._follower.announced
        if announced is not None and announced.version != self._version:
            self._factors = self._load_factors(announced) or self._factors

    @property
    def _version(self) -> str:
        return "none" if self._factors is None else self._factors.version

    def _refit(self, now: datetime) -> None:
        self._has_tried = True
        rules, _ = rules_of(self._settings.preferences)
        states = list(self._states.values())
        catalogue, wanted = self._follower.catalogue, fit_settings(self._settings.trainer)
        figures: dict[str, float] = {}
        if self._settings.trainer.search_seconds:
            with stage(WORKER, "search"):
                wanted, figures = self._chosen(states, wanted, rules, now)
        started = self._clock()
        with stage(WORKER, "fit"):
            found = refit(
                states,
                catalogue,
                self._factors,
                self._embedding_of,
                wanted,
                rules,
                now,
                figures,
            )
        self._changed, self._fitted_at = 0, self._clock()
        seconds = round(self._fitted_at - started, 3)
        self._conclude(found, {"users": float(len(states)), "fit_seconds": seconds}, now)

    def _chosen(
        self, states: list[UserState], wanted: FitSettings, rules: Rules, now: datetime
    ) -> tuple[FitSettings, dict[str, float]]:
        """Return the hyperparameters that foresee the newest actions best, and their figures."""
        used = in_use(wanted, self._factors)
        budget = self._settings.trainer.search_seconds
        catalogue = self._follower.catalogue
        found = tune(states, catalogue, used, rules, now, budget, self._clock)
        before, after = hyperparameters(used), hyperparameters(found.settings)
        if after != before:
            log.info("hyperparameters_changed", before=before, after=after, **found.as_figures())
        return found.settings, found.as_figures()

    def _conclude(self, found: Refit | None, metrics: dict[str, float], now: datetime) -> None:
        """Announce the refit, or count and log why not."""
        if found is None:
            REFITS.labels("too_few").inc()
            wanted = fit_settings(self._settings.trainer)
            log.info(
                "refit_postponed",
                least_shoppers=wanted.least_shoppers,
                least_products=wanted.least_products,
                **metrics,
            )
            return
        metrics |= found.as_metrics()
        if found.is_worse:
            REFITS.labels("worse").inc()
            log.warning("factors_discarded", parent=found.factors.parent, **metrics)
            return
        self._announce(found.artifact, metrics, now)
        REFITS.labels("announced").inc()

    def _announce(self, made: Encoded, metrics: dict[str, float], now: datetime) -> None:
        """Store the artifact first, then announce it."""
        factors = made.factors
        address, digest = self._store.put_blob(FOLDER, made.content, SUFFIX, made.digest)
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
        log.info("factors_announced", version=factors.version, parent=factors.parent, **metrics)


def fit_settings(settings: TrainerSettings) -> FitSettings:
    """Return the settings of the fit."""
    return FitSettings(
        width=settings.factors,
        iterations=settings.iterations,
        regularization=settings.regularization,
        alpha=settings.alpha,
        seed=settings.seed,
        threads=settings.threads,
        least_shoppers=settings.least_shoppers,
        least_products=settings.least_products or settings.least_shoppers,
    )
