"""The stylize worker: jobs in, renders out.

stylize.jobs.v1 -> decode -> draw (stylecore.rendering.stylize) -> images.stylized.v1 or
images.rejected.v1, offsets in the same transaction. A job whose photo cannot be had goes to the
dead letters whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from confluent_kafka import TopicPartition

from schemas.events import ModelAnnouncement, RejectedImage, StylizeJob
from schemas.topics import GENERATOR_MODELS, JOBS, REJECTED, STYLIZED
from stylecore.errors import Permanent, Transient
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.decoder_process import Limits
from stylecore.imaging.photo import Photo
from stylecore.models import FEATURES
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import load_examiner
from stylecore.rendering.manifest import load_manifest
from stylecore.rendering.style import load_encoder, reference_of
from stylecore.rendering.stylize import Outcome, Studio, stylize
from stylecore.storage.store import Store
from workers.kafka.assignment import Handler
from workers.kafka.crash_guard import CrashGuard
from workers.kafka.dead_letters import dead_letter, decode_records
from workers.kafka.loop import run_worker
from workers.kafka.records import Output, Record, output_of, tombstone
from workers.kafka.retry import Backoff, require_going, until_topics
from workers.kafka.topics import topic_name
from workers.pictures import FetchBudget, load_engine, loader
from workers.settings import Settings
from workers.telemetry import PHOTO_NOTES, RENDERS, Health, log, timed

Item = TypeVar("Item")

WORKER = "stylize"
SOURCE = "/stylecast/stylize"
LOADING_THREADS = 4
DECODERS = 2
"""Processes that decode photos; one lasts for the network's pace on a CPU."""


def run_stylize(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Work until `stop` is set. Raises Permanent where a topic or the generator is missing."""
    topics = (JOBS, STYLIZED, REJECTED, GENERATOR_MODELS)
    until_topics(settings, [topic_name(settings, topic) for topic in topics], stop)
    wait_for_generator(settings.stylize.generator, stop)
    with stylize_handlers(settings, stop) as make_handler:
        run_worker(
            settings,
            WORKER,
            make_handler,
            batch_records=settings.stylize.batch_jobs,
            health=health,
            stop=stop,
        )


@contextmanager
def stylize_handlers(
    settings: Settings, stop: threading.Event
) -> Iterator[Callable[[], StylizeHandler]]:
    """Makes handlers that share a generator and a decoder, which end with the block."""
    with (
        closing(make_decoder(settings)) as decoder,
        ThreadPoolExecutor(LOADING_THREADS, "stylize") as executor,
    ):
        budget = FetchBudget(settings.photos.patience_seconds)
        studio = make_studio(settings, executor, decoder, stop, budget)
        log.info(
            "generator_loaded",
            version=studio.engine.manifest.version,
            provider=studio.engine.provider,
        )
        crash_guard = CrashGuard(studio.store)
        yield lambda: StylizeHandler(settings, studio, crash_guard, budget)


def wait_for_generator(folder: Path, stop: threading.Event) -> None:
    """Wait while files of the generator are gone: a volume may be away. A wrong one is no matter
    of waiting: what loads it raises.
    """
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            load_manifest(folder)
        except Permanent as problem:
            if not isinstance(problem.__cause__, FileNotFoundError):
                return
            backoff.after(Transient(f"the generator is gone: {problem}"))
        else:
            return


def make_decoder(settings: Settings) -> Decoder:
    """Processes that decode photos within the bounds of the settings."""
    limits = Limits(
        max_pixels=settings.photos.max_pixels,
        seconds=settings.photos.decode_seconds,
        short_side=load_manifest(settings.stylize.generator).working_size,
        output_side=settings.stylize.output_side,
    )
    return Decoder(limits, DECODERS)


def make_studio(
    settings: Settings,
    executor: Executor,
    decoder: Decoder,
    stop: threading.Event,
    budget: FetchBudget,
) -> Studio:
    """The generator, the store and the way to photos, from the settings."""
    engine = load_engine(settings.stylize)
    store = Store(settings.store.uri)
    load_photo = photo_loader(settings, decoder, store, stop, budget)
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
        timed=lambda drawn: until_stopped(timed(WORKER, "draw", drawn), stop),
    )


def until_stopped(items: Iterable[Item], stop: threading.Event) -> Iterator[Item]:
    """The items, but no more of them after `stop`: raises Transient then.

    What was drawn lies in the store and is found again.
    """
    for item in items:
        yield item
        require_going(stop)


def photo_loader(
    settings: Settings,
    decoder: Decoder,
    store: Store,
    stop: threading.Event,
    budget: FetchBudget | None = None,
) -> Callable[[str], Photo]:
    """Address to photo. What is away is tried again, as `loader` says."""

    def read(data: bytes) -> Photo:
        photo = decoder.decode(data)
        for note in photo.notes:
            PHOTO_NOTES.labels(note).inc()
        return photo

    return loader(settings, store, stop, read, budget)


class StylizeHandler(Handler):
    """Jobs to records. Between batches it only knows whether the generator is announced: what was
    drawn lies in the store.
    """

    def __init__(
        self, settings: Settings, studio: Studio, crash_guard: CrashGuard, budget: FetchBudget
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._studio = studio
        self._crash_guard = crash_guard
        self._announced = False
        self._is_announcing = False
        """Whether the batch in hand announces the generator."""
        self.topics = (topic_name(settings, JOBS),)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """The renders of a batch of jobs, and its dead letters. Raises Transient."""
        self._budget.renew()
        return self._announcement() + self._crash_guard.run(records, self._work)

    def _work(self, records: Sequence[Record]) -> list[Output]:
        now = datetime.now(UTC)
        decoded, outputs = decode_records(records, StylizeJob)
        results = stylize_in_memory([job for _, job in decoded], self._studio, now)
        for (record, _), result in zip(decoded, results, strict=True):
            if isinstance(result, Permanent):
                outputs.append(dead_letter(record, "photo", result))
                continue
            for outcome in result:
                outputs += self._outputs_of(outcome, record, now)
        return outputs

    def idle(self) -> list[Output]:
        """Announce the generator where no batch has."""
        return self._announcement()

    def _announcement(self) -> list[Output]:
        """The generator in use, until a transaction with it has committed."""
        if self._announced:
            return []
        self._is_announcing = True
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
        """Jobs need no state, but somebody may have died over one of them."""
        self._crash_guard.load((place.topic, place.partition) for place in partitions)

    def committed(self) -> None:
        """Jobs need no state; the generator is announced now."""
        self._announced |= self._is_announcing
        self._is_announcing = False

    def aborted(self) -> None:
        """Jobs need no state; what was drawn is found again by its key."""
        self._is_announcing = False


def stylize_in_memory(
    jobs: Sequence[StylizeJob], studio: Studio, now: datetime
) -> list[list[Outcome] | Permanent]:
    """As `stylize`, but where memory is too short for the jobs together, half of them at a time.

    Raises Transient where it is too short for one; what was drawn before is found again.
    """
    try:
        return stylize(jobs, studio, now)
    except MemoryError as problem:
        if len(jobs) == 1:
            raise Transient(f"memory is too short for one job: {problem}") from problem
        log.warning("batch_halved", jobs=len(jobs), why=str(problem)[:200])
    half = len(jobs) // 2
    return [
        *stylize_in_memory(jobs[:half], studio, now),
        *stylize_in_memory(jobs[half:], studio, now),
    ]


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
