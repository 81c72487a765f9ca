"""The web worker's process: topics are read in threads, pages are served by one event loop.

Three threads beside the loop: one follows the tables, one the counted topics, one polls for
delivery reports. Each hands what it reads to the loop, which alone touches what the pages show, so
that nothing there needs a lock. In an outage of the broker the pages go on showing what was read
last; before the tables have been read the answer is 503 (Readiness in app.py).
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import uvicorn

from stylecore.errors import SettingsError, Transient
from stylecore.imaging.decoder import Decoder
from stylecore.rendering.manifest import load_manifest
from workers.kafka.records import Record
from workers.kafka.retry import Backoff, until_topics
from workers.kafka.table import TableReader, newest_by_key, partitions_of_names
from workers.kafka.topics import topic_name
from workers.pictures import make_decoder
from workers.settings import Settings, WebSettings
from workers.telemetry import Health, log
from workers.web.app import make_app
from workers.web.counts import COUNTED_TOPICS, EventCounters
from workers.web.mixer import Mixer
from workers.web.outbox import Outbox
from workers.web.pictures import WIDTHS, Pictures
from workers.web.security import Attempts, require_safe
from workers.web.site import Site
from workers.web.tables import TABLES, Change, Tables, Watchers

CHUNK = 1000
WAIT_SECONDS = 0.2


def follow(
    settings: Settings,
    names: Sequence[str],
    take: Callable[[list[Record]], None],
    caught_up: Callable[[], None],
    stop: threading.Event,
) -> None:
    """Read topics (by their names on the cluster) from the start, until `stop` is set.

    `take` gets all records in order; `caught_up` is called at the present end. Raises Permanent
    where a topic is missing.
    """
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            with closing(TableReader(settings, partitions_of_names(settings, [*names]))) as reader:
                records = reader.read_to_end(stop)
                while chunk := list(islice(records, CHUNK)):
                    take(chunk)
                caught_up()
                while not stop.is_set():
                    if chunk := list(reader.wait(WAIT_SECONDS)):
                        take(chunk)
        except Transient as problem:
            backoff.after(problem)


def in_background(name: str, work: Callable[[], None], stop: threading.Event) -> Future[None]:
    """Start a thread; its error sets `stop`, which ends the worker, and is raised by `result`."""
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 (raised in the thread that asks)
            done.set_exception(problem)
            stop.set()
        else:
            done.set_result(None)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


def table_reader(site: Site, stop: threading.Event) -> Callable[[], None]:
    """Return a function that reads the tables' topics and passes records to the present loop."""
    loop = asyncio.get_running_loop()
    contract = {topic_name(site.settings, topic): topic.name for topic in TABLES}
    newest = newest_by_key(site.settings)

    def take(records: list[Record]) -> None:
        changes = [
            Change(
                contract[it.topic], (it.key or b"").decode(errors="replace"), it.value, it.offset
            )
            for it in newest.of(records)
        ]
        loop.call_soon_threadsafe(lambda: site.watchers.notify(site.tables.apply(changes)))

    def caught_up() -> None:
        loop.call_soon_threadsafe(setattr, site.health, "ready", True)  # after what was read
        log.info("tables_restored")

    return lambda: follow(site.settings, [*contract], take, caught_up, stop)


def counter_reader(site: Site, stop: threading.Event) -> Callable[[], None]:
    """Return a function that reads what the console counts, likewise."""
    loop = asyncio.get_running_loop()
    contract = {topic_name(site.settings, name): name for name in COUNTED_TOPICS}

    def take(records: list[Record]) -> None:
        changes = [(contract[it.topic], it) for it in records]
        loop.call_soon_threadsafe(site.counters.take, changes)

    return lambda: follow(site.settings, [*contract], take, lambda: None, stop)


WORKER = "web"
DECODERS = 2
GRACE_SECONDS = 3
LOOK_SECONDS = 0.1


def run_web(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Serve until `stop` is set, once the broker is there. Raises SettingsError and Permanent."""
    require_safe(settings.web)
    names = [topic_name(settings, name) for name in (*(it.name for it in TABLES), *COUNTED_TOPICS)]
    until_topics(settings, names, stop)
    if stop.is_set():
        return
    with _listen(settings.web) as listening:
        serving = in_background(
            "pages", lambda: asyncio.run(_serve(settings, health, stop, listening)), stop
        )
        stop.wait()
        serving.result()


async def _serve(
    settings: Settings, health: Health, stop: threading.Event, listening: socket.socket
) -> None:
    decoder = decoder_of(settings)
    site = make_site(settings, health, decoder)
    threads = [
        in_background("tables", table_reader(site, stop), stop),
        in_background("counters", counter_reader(site, stop), stop),
        in_background("outbox", lambda: site.outbox.poll_until(stop), stop),
    ]
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(site),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    host, port = listening.getsockname()[:2]
    log.info("server_started", address=f"http://{host}:{port}")
    closing = asyncio.create_task(_close_after(stop, site, server))
    await server.serve(sockets=[listening])
    stop.set()
    await closing
    for thread in threads:
        await asyncio.wrap_future(thread)
    decoder.close()


def decoder_of(settings: Settings) -> Decoder:
    """Start the processes that decode the pictures of the pages, with the settings' limits."""
    side = load_manifest(settings.stylize.generator).working_size
    return make_decoder(settings, DECODERS, side, WIDTHS[-1])


def make_site(settings: Settings, health: Health, decoder: Decoder) -> Site:
    """Return a site that has read nothing yet."""
    pictures = Pictures(settings, decoder)
    manifest, tables = load_manifest(settings.stylize.generator), Tables()
    generators = {style.style_id for style in manifest.styles}
    return Site(
        settings=settings,
        health=health,
        manifest=manifest,
        tables=tables,
        counters=EventCounters(partial(tables.has_style, generators=generators)),
        watchers=Watchers(),
        outbox=Outbox(settings),
        pictures=pictures,
        mixer=Mixer(settings, pictures),
        attempts=Attempts(time.monotonic),
        clock=lambda: datetime.now(UTC),
    )


async def _close_after(stop: threading.Event, site: Site, server: uvicorn.Server) -> None:
    """Wait for `stop`, then end the open streams and the server."""
    while not stop.is_set():
        await asyncio.sleep(LOOK_SECONDS)
    site.watchers.close()
    server.should_exit = True


def _listen(settings: WebSettings) -> socket.socket:
    """Listen at the address of the settings. Raises SettingsError where it cannot be bound."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=128)
    except OSError as problem:
        raise SettingsError(
            f"setting STYLECAST_WEB__PORT: {settings.host}:{settings.port} cannot be had "
            f"({problem.strerror}); name another, or 0 for a free one"
        ) from problem
