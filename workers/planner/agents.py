"""The planner inside Faust: one agent a topic, and timers.

They take turns: a product that is being planned must not miss a style that comes at that moment.
A turn is one style, one look, or a batch of products with distinct keys, which are sent together so
that the broker is waited for once a batch. A record is acknowledged by hand, when the broker has
all that it led to: Faust would count it as done when it stops in its midst. Before a product or
style is planned, the version of its picture is asked for, of several records at once; the order of
a key's records stays. A record over which the planning fails becomes a dead letter, alone; a
timer's work that fails is counted, and tried again at its next turn.
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
from stylecore.recommender.render_plan import Liking
from workers.kafka.crash_guard import count_crash
from workers.kafka.dead_letters import DeadLetterOutputs, crash_dead_letter, dead_letter
from workers.kafka.records import Output, Record, timestamp_problem
from workers.planner.budget import WORKER, LikingFollower
from workers.planner.faust_app import KeptTable, raw_topic, record_of
from workers.planner.planning import Planning, Send
from workers.telemetry import RECORDS_CONSUMED, RECORDS_PRODUCED, OncePerMinute, log

RETRY_SECONDS = 1.0
FAULT_SECONDS = 10.0
"""Between two tries of work that fails by a fault of ours."""
QUESTIONS = 32
"""Records whose pictures are asked about at the same time."""
SILENT_SECONDS = 60.0
"""So long a host that did not answer is not asked again."""
LOOK_SECONDS = 5.0
SPEND_SECONDS = 1.0

Take = Callable[[Record, Send, str], Awaitable[None]]
UriIn = Callable[[Record], str | None]
Asked = tuple[Any, Record, asyncio.Task[str]]
"""An event of Faust with its record, and the version of its picture, which may be yet to come."""
Work = Callable[[], Awaitable[None]]

_once_a_minute = OncePerMinute()


class TooLarge(Exception):
    """A record that was to be sent is over the limit of `topic`."""

    def __init__(self, topic: str, problem: Exception) -> None:
        super().__init__(f"over the limit of {topic}: {problem}")
        self.topic = topic


class Agents:
    """Brings records and time to the planning, and what it sends to the broker."""

    def __init__(
        self,
        app: Any,
        planning: Planning,
        tables: Sequence[KeptTable],
        liking: LikingFollower,
        dead_letters: DeadLetterOutputs,
        read_version: Callable[[str], str],
    ) -> None:
        self._app = app
        self._planning = planning
        self._tables = tables
        self._liking = liking
        self._dead_letters = dead_letters
        self._read_version = read_version
        self._questions = ThreadPoolExecutor(QUESTIONS, "version")
        self._may_ask = asyncio.Semaphore(QUESTIONS)
        self._silent_until: dict[str, float] = {}
        """By host that did not answer."""
        self._turn = asyncio.Lock()
        self._restored = asyncio.Event()
        self._is_stuck = False
        app.task(self._start)
        app.timer(interval=LOOK_SECONDS)(self._look)
        app.timer(interval=SPEND_SECONDS)(self._spend)

    def is_ready(self) -> bool:
        """Whether all that was known has been planned again, and the broker takes what is sent."""
        return self._restored.is_set() and not self._is_stuck

    def follow(self, topic_name: str, take: Take, name: str, uri_in: UriIn, batch: int = 1) -> None:
        """Take every record of the topic, with the version of the picture that it names.

        Up to `batch` records are taken concurrently, no two of the same key.
        """

        async def agent(stream: Any) -> None:
            stream.enable_acks = False  # else an agent that is cancelled counts what it has in hand
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
        """The version of the picture that a record names; empty where it cannot be had.

        What is wrong with the record or the picture is found by whoever takes them.
        """
        try:
            uri = uri_in(record)
        except InvalidEvent:
            return ""
        if uri is None:
            return ""
        async with self._may_ask:  # a host may have fallen silent while this waited
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
        """The generator may be another one than when this was last planned."""
        await self._app.tables.recovery.completed.wait()
        await self._learn()
        await self._in_turn(
            lambda: self._counting(self._planning.plan_all("launch", None, self._send))
        )
        self._restored.set()

    async def _look(self) -> None:
        if self._restored.is_set():
            await self._learn()
            await self._in_turn(
                lambda: self._counting(self._planning.look_at_campaigns(self._send))
            )

    async def _spend(self) -> None:
        if self._restored.is_set():
            await self._in_turn(lambda: self._counting(self._planning.spend(self._send)))

    async def _learn(self) -> None:
        factors = await asyncio.to_thread(self._liking.look)
        if factors is not None:
            like = partial(self._planning.like, Liking(factors.priors), factors.version)
            # Seconds where a million pictures wait, and meanwhile the broker wants to hear of us.
            await self._in_turn(lambda: asyncio.to_thread(like))

    async def _in_turn(self, *works: Work) -> None:
        """Does the works concurrently until all are done and the broker has what came of them.

        Each is tried again by itself: what one has sent is not sent again because another failed.
        """
        async with self._turn:
            await asyncio.gather(*(self._until_sent(work) for work in works))
            await self._until_sent(self._keep)

    async def _until_sent(self, work: Work) -> None:
        while True:
            try:
                # Before each try: metadata that is older than a changelog forgets it again.
                await self._know_changelogs()
                await work()
            except (KafkaError, Transient) as problem:
                self._is_stuck = True
                if _once_a_minute(type(problem).__name__):
                    log.warning("retry_scheduled", why=str(problem), kind=type(problem).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as problem:  # noqa: BLE001 (counted; the work comes again)
                # Faust would restart the agent past its record, which would never be committed.
                self._is_stuck = True
                count_crash(WORKER, "", problem)
                await asyncio.sleep(FAULT_SECONDS)
            else:
                self._is_stuck = False
                return

    async def _take(self, record: Record, take: Take, version: str) -> None:
        """Take a record: what it leads to is sent, or it is a dead letter.

        Faust restarts an agent that raises, past its record. Raises KafkaError.
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
        """Send the letter, smaller where its topic refuses it. Raises KafkaError."""
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
        """A timer's work; what fails is counted and left to the next turn. Raises KafkaError."""
        try:
            await work
        except KafkaError:
            raise
        except Exception as problem:  # noqa: BLE001 (counted and logged)
            count_crash(WORKER, "", problem)

    async def _know_changelogs(self) -> None:
        """Faust asks its producer for the partition of a change, and cannot wait for the answer."""
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
    """Batches of up to `most` records of distinct keys, in their order, whose versions are known.

    A batch waits for the version of its first record alone, and for no further records.
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
                    # aiokafka sends no record without key and value, which may be a dead letter.
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
    """Says of which topic the limit is that a record exceeds: aiokafka does not."""
    try:
        yield
    except MessageSizeTooLargeError as problem:
        raise TooLarge(topic, problem) from problem
