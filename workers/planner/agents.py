"""The planner's Faust agents, one for each topic, and its timers.

Agents and timers take turns, so that planning a product does not miss a style that comes at that
moment. A turn is one style, one timer's work, or a batch of products with distinct keys, which are
sent together so that the broker is waited for once a batch. A record is acknowledged explicitly,
when the broker has all of its results: Faust would acknowledge it when it stops in the middle.

Before a product or style is planned, the version of its picture is requested, for several records
at once; a key's records stay in order. A record over which planning fails becomes a dead letter,
alone; a timer's work that fails is counted, and retried at its next turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.codec import InvalidEvent
from stylecore.errors import Permanent, Transient
from stylecore.recommender.engagement_prior import EngagementPrior
from workers.factors import FactorsFollower
from workers.kafka.crash_guard import count_crash
from workers.kafka.dead_letters import DeadLetterOutputs, crash_dead_letter, dead_letter
from workers.kafka.records import Output, Record, timestamp_problem
from workers.planner.budget import WORKER
from workers.planner.faust_app import KeptTable, raw_topic, record_of
from workers.planner.planning import Planning, Send
from workers.telemetry import RECORDS_CONSUMED, RECORDS_PRODUCED, OncePerMinute, log

RETRY_SECONDS = 1.0
FAULT_SECONDS = 10.0
"""Between two tries of work that fails by a fault of the code."""
QUESTIONS = 32
"""Picture versions that are requested at the same time."""
SILENT_SECONDS = 60.0
"""How long a host that did not answer is not asked again."""
LOOK_SECONDS = 5.0
SPEND_SECONDS = 1.0

Take = Callable[[Record, Send, str], Awaitable[None]]
UriIn = Callable[[Record], str | None]
Asked = tuple[Any, Record, asyncio.Task[str]]
"""An event of Faust with its record, and the task that reads the version of its picture."""
Work = Callable[[], Awaitable[None]]

_once_a_minute = OncePerMinute()


class TooLarge(Exception):
    """A result is over the size limit of `topic`."""

    def __init__(self, topic: str, problem: Exception) -> None:
        super().__init__(f"over the limit of {topic}: {problem}")
        self.topic = topic


class Agents:
    """Passes records and time to the planning, and its results to the broker."""

    def __init__(
        self,
        app: Any,
        planning: Planning,
        tables: Sequence[KeptTable],
        followed: FactorsFollower,
        dead_letters: DeadLetterOutputs,
        read_version: Callable[[str], str],
    ) -> None:
        self._app = app
        self._planning = planning
        self._tables = tables
        self._followed = followed
        self._dead_letters = dead_letters
        self._read_version = read_version
        self._questions = ThreadPoolExecutor(QUESTIONS, "version")
        self._limit = asyncio.Semaphore(QUESTIONS)
        self._silent_until: dict[str, float] = {}
        """By host that did not answer, until when it is not asked."""
        self._turn = asyncio.Lock()
        self._restored = asyncio.Event()
        self._is_stuck = False
        app.task(self._start)
        app.timer(interval=LOOK_SECONDS)(self._check_campaigns)
        app.timer(interval=SPEND_SECONDS)(self._order)

    def is_ready(self) -> bool:
        """Return whether the first planning is done and the broker accepts records."""
        return self._restored.is_set() and not self._is_stuck

    def follow(self, topic_name: str, take: Take, name: str, uri_in: UriIn, batch: int = 1) -> None:
        """Add an agent that plans every record of the topic, with the version of its picture.

        Up to `batch` records are planned concurrently, no two of the same key.
        """

        async def agent(stream: Any) -> None:
            stream.enable_acks = False  # else a cancelled agent acknowledges what it has in hand
            asked: asyncio.Queue[Asked] = asyncio.Queue(max(QUESTIONS, batch))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._take_all(batches(asked, batch), take))
                async for event in stream.events():
                    record = record_of(event.message)
                    question = tasks.create_task(self._version(record, uri_in))
                    await asked.put((event, record, question))

        self._app.agent(raw_topic(self._app, topic_name), concurrency=1, name=name)(agent)

    async def _take_all(self, batches: AsyncIterator[list[Asked]], take: Take) -> None:
        async for batch in batches:
            await self._in_turn(
                *(
                    partial(self._take, record, take, question.result())
                    for _, record, question in batch
                )
            )
            for event, _, _ in batch:
                event.ack()

    async def _version(self, record: Record, uri_in: UriIn) -> str:
        """Return the version of the picture that a record names, '' where it cannot be read.

        Errors of the record or the picture are found by the planning or the renderer.
        """
        try:
            uri = uri_in(record)
        except InvalidEvent:
            return ""
        if uri is None:
            return ""
        async with self._limit:  # the host may be known as silent when the wait is over
            return await self._ask(record, uri)

    async def _ask(self, record: Record, uri: str) -> str:
        host = urlsplit(uri).netloc
        if self._silent_until.get(host, 0.0) > time.monotonic():
            return ""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._questions, self._read_version, uri)
        except Permanent:
            return ""
        except Transient as problem:
            self._silent_until[host] = time.monotonic() + SILENT_SECONDS
            log.warning("photo_version_unknown", uri=uri, why=str(problem))
            return ""
        except Exception as problem:  # noqa: BLE001 (counted and logged)
            count_crash(WORKER, record.topic, problem)
            return ""

    async def _start(self) -> None:
        """Plan everything after the restore: the generator may have changed."""
        await self._app.tables.recovery.completed.wait()
        await self._load_factors()
        await self._in_turn(
            lambda: self._counting(self._planning.plan_all("launch", None, self._send))
        )
        self._restored.set()

    async def _check_campaigns(self) -> None:
        if self._restored.is_set():
            await self._load_factors()
            await self._in_turn(lambda: self._counting(self._planning.plan_campaigns(self._send)))

    async def _order(self) -> None:
        if self._restored.is_set():
            await self._in_turn(lambda: self._counting(self._planning.order(self._send)))

    async def _load_factors(self) -> None:
        factors = await asyncio.to_thread(self._followed.load)
        if factors is not None:
            use = partial(
                self._planning.use_prior, EngagementPrior(factors.priors), factors.version
            )
            # It takes seconds where a million pictures wait: in a thread, heartbeats go on.
            await self._in_turn(lambda: asyncio.to_thread(use))

    async def _in_turn(self, *works: Work) -> None:
        """Do works concurrently until all are done and the broker has their results.

        Each is retried by itself, so that the results of one are not sent again for another.
        """
        async with self._turn:
            await asyncio.gather(*(self._until_sent(work) for work in works))
            await self._until_sent(self._keep)

    async def _until_sent(self, work: Work) -> None:
        while True:
            try:
                # Before each try: a refresh of metadata may have dropped a new changelog.
                await self._load_changelogs()
                await work()
            except (KafkaError, Transient) as problem:
                self._is_stuck = True
                if _once_a_minute(type(problem).__name__):
                    log.warning("retry_scheduled", why=str(problem), kind=type(problem).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as problem:  # noqa: BLE001 (counted; the work is retried)
                # Faust would restart the agent past its record, which would never be committed.
                self._is_stuck = True
                count_crash(WORKER, "", problem)
                await asyncio.sleep(FAULT_SECONDS)
            else:
                self._is_stuck = False
                return

    async def _take(self, record: Record, take: Take, version: str) -> None:
        """Plan a record and send its results, or a dead letter. Raises KafkaError.

        Other errors are not raised: Faust would restart the agent after this record.
        """
        RECORDS_CONSUMED.labels(WORKER, record.topic).inc()
        if (wrong := timestamp_problem(record, time.time() * 1000)) is not None:
            await self._set_aside(dead_letter(record, "check", wrong))
            return
        try:
            await take(record, self._send, version)
        except (InvalidEvent, Permanent) as problem:
            await self._set_aside(dead_letter(record, "decode", problem))
        except TooLarge as problem:
            await self._set_aside(dead_letter(record, "work", problem))
        except KafkaError:
            raise
        except Exception as problem:  # noqa: BLE001 (kept as a dead letter)
            log.exception(
                "processing_crashed", worker=WORKER, topic=record.topic, offset=record.offset
            )
            await self._set_aside(crash_dead_letter(record, problem))

    async def _set_aside(self, letter: Output) -> None:
        """Send a dead letter, smaller where its topic refuses it. Raises KafkaError."""
        while True:
            try:
                letters = await asyncio.to_thread(
                    self._dead_letters.fitted, [letter], time.time() * 1000
                )
                await self._send(letters)
            except TooLarge as problem:
                if not self._dead_letters.refused(problem.topic, letters):
                    raise MessageSizeTooLargeError(str(problem)) from problem
            else:
                self._dead_letters.committed(letters)
                return

    async def _counting(self, work: Awaitable[None]) -> None:
        """Do a timer's work; count a failure, which the next turn retries. Raises KafkaError."""
        try:
            await work
        except KafkaError:
            raise
        except Exception as problem:  # noqa: BLE001 (counted and logged)
            count_crash(WORKER, "", problem)

    async def _load_changelogs(self) -> None:
        """Load the changelogs' metadata, which Faust's tables need and cannot wait for."""
        producer = await self._app.maybe_start_producer()
        for table in self._tables:
            name = table.changelog_topic.get_topic_name()
            await producer._producer.partitions_for(name)  # noqa: SLF001 (Faust has no other way)

    async def _keep(self) -> None:
        for table in self._tables:
            await table.kept()

    async def _send(self, outputs: Sequence[Output]) -> None:
        await send(self._app, outputs)
        self._planning.sent += len(outputs)


async def batches(asked: asyncio.Queue[Asked], most: int) -> AsyncIterator[list[Asked]]:
    """Yield batches of up to `most` records of distinct keys, in order, with known versions.

    A batch waits for the version of its first record only, and for no further records.
    """
    following: Asked | None = None
    while True:
        batch = [following or await asked.get()]
        following = None
        await batch[0][2]
        keys = {batch[0][1].key}
        while len(batch) < most and not asked.empty():
            following = asked.get_nowait()
            _, record, question = following
            if record.key in keys or not question.done():
                break
            keys.add(record.key)
            batch.append(following)
            following = None
        yield batch


async def send(app: Any, outputs: Sequence[Output]) -> None:
    """Send the records and wait until the broker has them. Raises KafkaError and TooLarge."""
    producer = await app.maybe_start_producer()
    waiting = []
    for output in outputs:
        with _naming(output.topic):
            waiting.append(
                await producer.send(
                    output.topic,
                    # aiokafka refuses records without key and value, as a dead letter may be.
                    b"" if output.key is None and output.value is None else output.key,
                    output.value,
                    None,
                    output.timestamp_ms / 1000 or None,
                    list(output.headers),
                )
            )
    for output, delivery in zip(outputs, waiting, strict=True):
        with _naming(output.topic):
            await delivery
        RECORDS_PRODUCED.labels(WORKER, output.topic).inc()


@contextmanager
def _naming(topic: str) -> Iterator[None]:
    """Raise TooLarge with the topic whose limit a record exceeds, which aiokafka does not name."""
    try:
        yield
    except MessageSizeTooLargeError as problem:
        raise TooLarge(topic, problem) from problem
