"""The stylize worker: jobs in, renders out.

The flow of a batch of stylize.jobs.v1, in StylizeHandler.process:

1. crash guard: jobs that were in hand when a process died are processed one by one
2. decode; what is invalid becomes a dead letter
3. fetch and decode the photos, draw, postprocess, judge and store the pictures
   (stylecore.rendering.stylize); a job whose photo cannot be had becomes a dead letter
4. publish images.stylized.v1, or images.rejected.v1 for what the gate rejected, with a tombstone
   for the same key in the other topic; the offsets in the same transaction

Pictures are stored under their content's key before the transaction, so that a batch which is
retried finds those that are drawn. The first batch, or the first idle moment, also announces the
generator in models.generator.v1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from confluent_kafka import TopicPartition

from schemas.events import ModelAnnouncement, RejectedImage, StylizeJob
from schemas.topics import GENERATOR_MODELS, JOBS, REJECTED, STYLIZED
from stylecore.errors import Permanent, Transient
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.photo import Photo
from stylecore.models import FEATURES
from stylecore.rendering.gate import load_quality_model
from stylecore.rendering.manifest import load_manifest
from stylecore.rendering.style import load_encoder, reference_of
from stylecore.rendering.stylize import Outcome, RenderContext, stylize
from stylecore.storage.store import Store
from workers.kafka.assignment import Handler
from workers.kafka.crash_guard import CrashGuard
from workers.kafka.dead_letters import dead_letter, decode_records
from workers.kafka.loop import run_worker
from workers.kafka.records import Output, Record, output_of, places_of, tombstone
from workers.kafka.retry import Backoff, require_going, until_topics
from workers.kafka.topics import topic_name
from workers.pictures import FetchBudget, load_engine, load_matte_net, loader, make_decoder
from workers.settings import Settings
from workers.telemetry import BATCH_SECONDS, PHOTO_NOTES, RENDERS, Health, log, stage

Item = TypeVar("Item")

WORKER = "stylize"
SOURCE = "/stylecast/stylize"
LOADING_THREADS = 4
DECODERS = 2
"""Processes that decode photos; one keeps up with the network on a CPU."""


def run_stylize(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Run the worker until `stop` is set.

    Raises Permanent where a topic or the generator is missing.
    """
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


def wait_for_generator(folder: Path, stop: threading.Event) -> None:
    """Wait while files of the generator are missing, since a volume may not be mounted yet.

    Return at once where the files are wrong: loading them raises.
    """
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            load_manifest(folder)
        except Permanent as problem:
            if not isinstance(problem.__cause__, FileNotFoundError):
                return
            backoff.after(Transient(f"the generator is missing: {problem}"))
        else:
            return


@contextmanager
def stylize_handlers(
    settings: Settings, stop: threading.Event
) -> Iterator[Callable[[], StylizeHandler]]:
    """Yield a function that makes handlers, which share a generator and a decoder."""
    side = load_manifest(settings.stylize.generator).working_size
    with (
        closing(make_decoder(settings, DECODERS, side)) as decoder,
        ThreadPoolExecutor(LOADING_THREADS, "stylize") as executor,
    ):
        budget = FetchBudget(settings.photos.patience_seconds)
        engine, store = load_engine(settings.stylize), Store(settings.store.uri)
        load_photo = photo_loader(settings, decoder, store, stop, budget)
        encoder = load_encoder(settings.stylize.generator, engine.manifest)
        context = RenderContext(
            load_photo=load_photo,
            engine=engine,
            quality_model=load_quality_model(FEATURES, engine.provider),
            bounds=settings.stylize.bounds,
            store=store,
            executor=executor,
            batch_images=settings.stylize.batch_images,
            matte_net=load_matte_net(settings.stylize, engine.provider),
            load_reference=lambda uri: reference_of(load_photo(uri), encoder),
            format=settings.stylize.format,
            timed=lambda drawn: timed_until_stopped(drawn, stop),
        )
        BATCH_SECONDS.labels(WORKER, "draw")  # the alert asks for it before a picture is drawn
        version, provider = engine.manifest.version, engine.provider
        log.info("generator_loaded", version=version, provider=provider)
        crash_guard = CrashGuard(store)
        yield lambda: StylizeHandler(settings, context, crash_guard, budget)


def photo_loader(
    settings: Settings,
    decoder: Decoder,
    store: Store,
    stop: threading.Event,
    budget: FetchBudget,
) -> Callable[[str], Photo]:
    """Return a function from address to photo, which retries as `loader` says."""

    def read(data: bytes) -> Photo:
        photo = decoder.decode(data)
        for note in photo.notes:
            PHOTO_NOTES.labels(note).inc()
        return photo

    return loader(settings, store, stop, read, budget)


def timed_until_stopped(drawn: Iterable[Item], stop: threading.Event) -> Iterator[Item]:
    """Yield pictures, measuring the drawing of each, but raise Transient once `stop` is set.

    Pictures that are already in the store are found again by the next try.
    """
    drawn = iter(drawn)
    while True:
        try:
            with stage(WORKER, "draw"):
                item = next(drawn)
        except StopIteration:
            return
        yield item
        require_going(stop)


class StylizeHandler(Handler):
    """Turns jobs into renders. It keeps no state but whether the generator is announced."""

    def __init__(
        self,
        settings: Settings,
        context: RenderContext,
        crash_guard: CrashGuard,
        budget: FetchBudget,
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._context = context
        self._crash_guard = crash_guard
        self._announced = False
        self._is_announcing = False
        """Whether the batch in hand announces the generator."""
        self._known_styles = {style.style_id for style in context.engine.manifest.styles}
        """Styles with a metric label of their own; all others share one."""
        self.topics = (topic_name(settings, JOBS),)

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Load the crash guard's notes of these partitions."""
        self._crash_guard.load(places_of(partitions))

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Return the renders of a batch of jobs, and its dead letters. Raises Transient."""
        self._budget.renew()
        return self._announcement() + self._crash_guard.run(records, self._work)

    def _work(self, records: Sequence[Record]) -> list[Output]:
        now = datetime.now(UTC)
        decoded, outputs = decode_records(records, StylizeJob)
        results = stylize_in_memory([job for _, job in decoded], self._context, now)
        for (record, _), result in zip(decoded, results, strict=True):
            if isinstance(result, Permanent):
                outputs.append(dead_letter(record, "photo", result))
                continue
            for outcome in result:
                outputs += self._outputs_of(outcome, record, now)
        return outputs

    def _outputs_of(self, outcome: Outcome, cause: Record, now: datetime) -> list[Output]:
        """Return the picture's record, and a tombstone for the same key in the other topic."""
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

    def _announcement(self) -> list[Output]:
        """Return the generator in use, until a transaction with it is committed."""
        if self._announced:
            return []
        self._is_announcing = True
        manifest, now = self._context.engine.manifest, datetime.now(UTC)
        announcement = ModelAnnouncement(
            name="generator",
            version=manifest.version,
            uri=str(Path("models") / "generator" / manifest.version),
            sha256=manifest.sha256,
            made_at=datetime.fromisoformat(manifest.made_at),
        )
        return [output_of(self._settings, GENERATOR_MODELS, announcement, source=SOURCE, now=now)]

    def committed(self) -> None:
        """Note that the generator is announced."""
        self._announced |= self._is_announcing
        self._is_announcing = False

    def aborted(self) -> None:
        """Announce the generator again with the next batch."""
        self._is_announcing = False

    def idle(self) -> list[Output]:
        """Announce the generator if no batch has."""
        return self._announcement()


def stylize_in_memory(
    jobs: Sequence[StylizeJob], context: RenderContext, now: datetime
) -> list[list[Outcome] | Permanent]:
    """Run `stylize`, and where memory is too short for all jobs, on half of them at a time.

    Raises Transient where it is too short for one job; pictures drawn until then are found again.
    """
    try:
        return stylize(jobs, context, now)
    except MemoryError as problem:
        if len(jobs) == 1:
            raise Transient(f"memory is too short for one job: {problem}") from problem
        log.warning("batch_halved", jobs=len(jobs), why=str(problem)[:200])
    half = len(jobs) // 2
    return [
        *stylize_in_memory(jobs[:half], context, now),
        *stylize_in_memory(jobs[half:], context, now),
    ]
