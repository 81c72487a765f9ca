"""The planner's process: checks what it needs, then Faust until SIGTERM or Ctrl-C.

Three agents, one a topic, take one record at a time between them: a product that is being
planned must not miss a style that comes at that moment. A record is acknowledged by hand, when
the broker has all that it led to: Faust would count it as done when it stops in its midst.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError

from schemas.codec import InvalidEvent
from schemas.events import Style
from schemas.topics import (
    DEMAND,
    JOBS,
    PRODUCTS,
    REJECTED,
    STYLES,
    STYLIZED,
    Topic,
    dead_letter_topic,
)
from stylecore.errors import SettingsError, Transient
from stylecore.manifest import GeneratorManifest, load_manifest
from stylecore.plan import generator_styles
from workers.admin import admin_client, cluster
from workers.dead_letter import dead_letter
from workers.patience import Pause
from workers.planner.app import make_app, raw_table, raw_topic, record_of, web_port
from workers.planner.page import add_pages
from workers.planner.planning import Planning, Send
from workers.planner.progress import Progress, watch
from workers.records import Output, Record
from workers.settings import Settings
from workers.telemetry import RECORDS_CONSUMED, RECORDS_PRODUCED, OncePerMinute, log
from workers.topics import group_id, require_topics, topic_name

WORKER = "planner"
INPUTS = (PRODUCTS, STYLES, DEMAND)
OUTPUTS = (JOBS, STYLIZED, REJECTED)
RETRY_SECONDS = 1.0

_tell = OncePerMinute()

Take = Callable[[Record, Send], Awaitable[None]]


def run_planner(settings: Settings) -> None:
    """Plans until SIGTERM or SIGINT, then returns. Waits for a broker that is away.

    Raises SettingsError or Permanent before anything starts (no generator, a topic missing), and
    SystemExit with a status other than 0 when it fails later.
    """
    manifest = load_manifest(settings.stylize.generator)
    styles = styles_of(manifest, settings.planner.generator_styles)
    partitions = _wait_for_topics(settings)
    port, progress = web_port(settings), Progress()
    with _data_folder(settings) as folder:
        app = make_app(settings, str(folder), port)
        planning = build(app, settings, styles, manifest.version, partitions, progress)
        _tell_once_a_minute("aiokafka")
        log.info("planning", page=f"http://{settings.worker.http_host}:{port}/plan")
        worker = faust.Worker(
            app, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True, override_logging=True
        )

        def marks() -> Hashable:
            return planning.sent, sum(app.tables.recovery.active_offsets.values())

        with _watched(settings, progress, marks):
            try:
                worker.execute_from_commandline()
            except SystemExit as end:
                if end.code:
                    raise


@contextmanager
def _data_folder(settings: Settings) -> Iterator[Path]:
    """A folder that Faust wants and nearly nothing lies in; a killed one's is taken again."""
    name = f"{group_id(settings, WORKER)}-{settings.worker.instance}-{os.getuid()}"
    folder = Path(tempfile.gettempdir()) / name
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _watched(
    settings: Settings, progress: Progress, marks: Callable[[], Hashable]
) -> Iterator[None]:
    """Looks after the progress while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(
        target=watch, args=(settings, progress, marks, stop), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()


def _tell_once_a_minute(library: str) -> None:
    """While the broker is away the library repeats itself ten times a second."""
    tell = OncePerMinute()

    def may_pass(record: logging.LogRecord) -> bool:
        return tell(f"{record.name}: {record.msg}")

    for name in logging.root.manager.loggerDict:
        if name.startswith(f"{library}."):
            logging.getLogger(name).addFilter(may_pass)


def styles_of(manifest: GeneratorManifest, only: Sequence[str] | None) -> dict[str, Style]:
    """The generator's styles that every product gets. Raises SettingsError for an unknown one."""
    labels = {style.style_id: style.label for style in manifest.styles}
    unknown = sorted(set(only or ()) - labels.keys())
    if unknown:
        raise SettingsError(
            f"setting STYLECAST_PLANNER__GENERATOR_STYLES: the generator has no style "
            f"{', '.join(unknown)}; it has {', '.join(labels)}"
        )
    return generator_styles({name: labels[name] for name in labels if only is None or name in only})


def build(
    app: Any,
    settings: Settings,
    styles: dict[str, Style],
    model: str,
    partitions: int,
    progress: Progress,
) -> Planning:
    """Gives the application its tables, agents and pages."""
    products = raw_table(app, "products", partitions)
    catalogue = raw_table(app, "styles", partitions)
    planning = Planning(settings, products, catalogue, styles, model)
    restored = asyncio.Event()
    lock = asyncio.Lock()

    async def send(outputs: Sequence[Output]) -> None:
        await _send(app, outputs)
        planning.sent += len(outputs)

    async def know_changelogs() -> None:
        """Faust asks its producer for the partition of a change, and cannot wait for the answer."""
        producer = await app.maybe_start_producer()
        for table in (products, catalogue):
            name = table.changelog_topic.get_topic_name()
            await producer._producer.partitions_for(name)  # noqa: SLF001 (Faust has no other way)

    async def keep() -> None:
        for table in (products, catalogue):
            await table.kept()

    def add_agent(topic: Topic, take: Take) -> None:
        async def agent(stream: Any) -> None:
            stream.enable_acks = False  # else an agent that is cancelled counts what it has in hand
            async for event in stream.events():
                async with lock:
                    await _until_sent(know_changelogs)
                    await _process(record_of(event.message), take, send)
                    await _until_sent(keep)
                event.ack()

        source = raw_topic(app, topic_name(settings, topic))
        app.agent(source, concurrency=1, name=topic.name)(agent)

    for topic, take in zip(
        INPUTS, (planning.take_product, planning.take_style, planning.take_demand), strict=True
    ):
        add_agent(topic, take)

    async def look_again() -> None:
        """The generator may be another one than when this was last planned."""
        await app.tables.recovery.completed.wait()
        async with lock:
            await _until_sent(know_changelogs)
            await _until_sent(lambda: planning.plan_all("launch", None, send))
            await _until_sent(keep)
        restored.set()

    app.task(look_again)
    add_pages(app, planning, restored.is_set, progress)
    return planning


async def _process(record: Record, take: Take, send: Send) -> None:
    """Takes a record until it is done. Faust starts an agent that raises anew, past its record."""
    RECORDS_CONSUMED.labels(WORKER, record.topic).inc()
    try:
        await _until_sent(lambda: take(record, send))
    except InvalidEvent as problem:
        dead = dead_letter(record, "decode", problem)
        await _until_sent(lambda: send([dead]))
    except Exception:  # noqa: BLE001 (whatever it is, the process ends with it)
        log.exception("cannot go on", topic=record.topic, offset=record.offset)
        sys.stderr.flush()
        os._exit(1)


async def _until_sent(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except KafkaError as problem:
            if _tell(type(problem).__name__):
                log.warning("again", why=str(problem), kind=type(problem).__name__)
            await asyncio.sleep(RETRY_SECONDS)


async def _send(app: Any, outputs: Sequence[Output]) -> None:
    producer = await app.maybe_start_producer()
    waiting = [
        await producer.send(
            output.topic,
            output.key,
            output.value,
            None,
            output.timestamp_ms / 1000 or None,
            list(output.headers),
        )
        for output in outputs
    ]
    await asyncio.gather(*waiting)
    for output in outputs:
        RECORDS_PRODUCED.labels(WORKER, output.topic).inc()


def _wait_for_topics(settings: Settings) -> int:
    """The partitions of the products. Faust ignores a missing input and hangs on an output."""
    names = [topic_name(settings, topic) for topic in (*INPUTS, *OUTPUTS)]
    names += [dead_letter_topic(topic_name(settings, topic)) for topic in INPUTS]
    pause = Pause(threading.Event())
    while True:
        try:
            require_topics(settings, names)
            products = cluster(admin_client(settings)).topics[topic_name(settings, PRODUCTS)]
            return len(products.partitions)
        except Transient as problem:
            pause.after(problem)
