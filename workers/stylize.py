"""The stylize worker: jobs in, renders out.

stylize.jobs.v1 -> decode -> draw (stylecore.stylize) -> images.stylized.v1 or images.rejected.v1,
offsets in the same transaction. A job whose photo cannot be had goes to the dead letters whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import TopicPartition

from schemas.events import ModelAnnouncement, RejectedImage, StylizeJob
from schemas.topics import GENERATOR_MODELS, JOBS, REJECTED, STYLIZED
from stylecore.engine import Engine
from stylecore.errors import Permanent, Transient
from stylecore.fetch import NotFetchable, fetch
from stylecore.gate import load_examiner
from stylecore.images import Photo, decode
from stylecore.models import FEATURES
from stylecore.reference import load_encoder, reference_of
from stylecore.store import Store
from stylecore.stylize import Outcome, Studio, stylize
from workers.dead_letter import dead_letter
from workers.decode import decode_records
from workers.engine import load_engine
from workers.loop import run_worker
from workers.records import Output, Record, output_of, tombstone
from workers.settings import Settings
from workers.telemetry import RENDERS, Health, log
from workers.topics import require_topics, topic_name

WORKER = "stylize"
SOURCE = "/stylecast/stylize"
LOADING_THREADS = 4


def run_stylize(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Work until `stop` is set. Raises Permanent where a topic or the generator is missing."""
    topics = (JOBS, STYLIZED, REJECTED, GENERATOR_MODELS)
    require_topics(settings, [topic_name(settings, topic) for topic in topics])
    with ThreadPoolExecutor(LOADING_THREADS, "stylize") as executor:
        studio = make_studio(settings, executor, stop)
        log.info(
            "generator", version=studio.engine.manifest.version, provider=studio.engine.provider
        )
        run_worker(
            settings,
            WORKER,
            lambda: StylizeHandler(settings, studio),
            batch_records=settings.stylize.batch_jobs,
            health=health,
            stop=stop,
        )


def make_studio(settings: Settings, executor: Executor, stop: threading.Event) -> Studio:
    """The generator, the store and the way to photos, from the settings."""
    engine = load_engine(settings.stylize)
    store = Store(settings.store.uri)
    load_photo = photo_loader(settings, engine.manifest.working_size, store, stop)
    encoder = load_encoder(settings.stylize.generator, engine.manifest)
    return Studio(
        load_photo=load_photo,
        engine=engine,
        examiner=load_examiner(FEATURES),
        bounds=settings.stylize.bounds,
        store=store,
        executor=executor,
        batch_images=settings.stylize.batch_images,
        load_reference=lambda uri: reference_of(load_photo(uri), encoder),
    )


def photo_loader(
    settings: Settings, short_side: int, store: Store, stop: threading.Event
) -> Callable[[str], Photo]:
    """Address to photo. What is away is tried again for the patience of the settings."""
    bounds = settings.photos
    prefixes = (*bounds.allowed_prefixes, store.uri)

    def load(uri: str) -> Photo:
        deadline = time.monotonic() + bounds.patience_seconds
        pause = 0.2
        while True:
            try:
                data = fetch(uri, allowed_prefixes=prefixes, max_bytes=bounds.max_bytes)
            except Transient as problem:
                if time.monotonic() + pause > deadline:
                    raise NotFetchable(f"given up: {problem}") from problem
                if stop.wait(pause):
                    raise
                pause = min(2 * pause, 10.0)
            else:
                return decode(
                    data,
                    short_side=short_side,
                    max_pixels=bounds.max_pixels,
                    output_side=settings.stylize.output_side,
                )

    return load


class StylizeHandler:
    """Jobs to records. Keeps nothing between batches: what was drawn lies in the store."""

    def __init__(self, settings: Settings, studio: Studio) -> None:
        self._settings = settings
        self._studio = studio
        self._announced = False
        self.topics = (topic_name(settings, JOBS),)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """The renders of a batch of jobs, and its dead letters."""
        now = datetime.now(UTC)
        decoded, outputs = decode_records(records, StylizeJob)
        results = stylize([job for _, job in decoded], self._studio, now)
        for (record, _), result in zip(decoded, results, strict=True):
            if isinstance(result, Permanent):
                outputs.append(dead_letter(record, "photo", result))
                continue
            for outcome in result:
                outputs += self._outputs_of(outcome, record, now)
        return outputs

    def idle(self) -> list[Output]:
        """Announce the generator in use, once."""
        if self._announced:
            return []
        self._announced = True
        announcement = generator_announcement(self._studio.engine)
        now = datetime.now(UTC)
        return [output_of(self._settings, GENERATOR_MODELS, announcement, source=SOURCE, now=now)]

    def _outputs_of(self, outcome: Outcome, cause: Record, now: datetime) -> list[Output]:
        """The picture's record, and a tombstone for the same key in the other topic."""
        rejected = isinstance(outcome, RejectedImage)
        topic, other = (REJECTED, STYLIZED) if rejected else (STYLIZED, REJECTED)
        reason = outcome.reasons[0].figure if isinstance(outcome, RejectedImage) else ""
        style = outcome.style_id if outcome.style_id in self._known_styles else "custom"
        RENDERS.labels(style, "rejected" if rejected else "published", reason).inc()
        event_id = f"{outcome.job_id}/{outcome.style_id}"
        record = output_of(
            self._settings,
            topic,
            outcome,
            source=SOURCE,
            now=now,
            cause=cause,
            event_id=event_id,
        )
        return [record, tombstone(self._settings, other, topic.key_of(outcome), cause)]

    @property
    def _known_styles(self) -> set[str]:
        """Styles with a metric label of their own; all others share one."""
        return {style.style_id for style in self._studio.engine.manifest.styles}

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Jobs need no state."""

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Jobs need no state."""

    def committed(self) -> None:
        """Jobs need no state."""

    def aborted(self) -> None:
        """Jobs need no state; what was drawn is found again by its key."""

    def close(self) -> None:
        """Nothing is open."""


def generator_announcement(engine: Engine) -> ModelAnnouncement:
    """The generator in use, as other teams learn of it."""
    manifest = engine.manifest
    return ModelAnnouncement(
        name="generator",
        version=manifest.version,
        uri=str(Path("models") / "generator" / manifest.version),
        sha256=manifest.sha256,
        made_at=datetime.fromisoformat(manifest.made_at),
    )
