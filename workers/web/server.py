"""The web worker's process: topics read in threads, pages served by one event loop.

Three threads beside the loop: one follows the tables, one the journal, one hears of deliveries. Who
asks before the tables have been read is told to come again (unread.py).
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime
from functools import partial

import uvicorn

from stylecore.errors import SettingsError
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.decoder_process import Limits
from stylecore.rendering.manifest import load_manifest
from workers.kafka.retry import until_topics
from workers.kafka.topics import topic_name
from workers.settings import Settings, WebSettings
from workers.telemetry import Health, log
from workers.web.app import make_app
from workers.web.attempts import Attempts
from workers.web.follow import Background
from workers.web.guard import require_safe
from workers.web.journal import JOURNALS, Journal
from workers.web.mixer import Mixer
from workers.web.outbox import Outbox
from workers.web.pictures import WIDTHS, Pictures
from workers.web.reading import reading_journal, reading_tables
from workers.web.site import Site
from workers.web.tables import TABLES, Tables
from workers.web.watchers import Watchers

WORKER = "web"
DECODERS = 2
GRACE_SECONDS = 3
LOOK_SECONDS = 0.1


def run_web(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Serve until `stop` is set, once the broker is there. Raises SettingsError and Permanent."""
    require_safe(settings.web)
    names = [topic_name(settings, name) for name in (*(it.name for it in TABLES), *JOURNALS)]
    until_topics(settings, names, stop)
    if stop.is_set():
        return
    with _listen(settings.web) as listening:
        serving = Background(
            "pages", lambda: asyncio.run(_serve(settings, health, stop, listening)), stop
        )
        stop.wait()
        serving.join()


async def _serve(
    settings: Settings, health: Health, stop: threading.Event, listening: socket.socket
) -> None:
    decoder = decoder_of(settings)
    site = make_site(settings, health, decoder)
    threads = [
        Background("tables", reading_tables(site, stop), stop),
        Background("journal", reading_journal(site, stop), stop),
        Background("outbox", lambda: site.outbox.poll_until(stop), stop),
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
    log.info("pages", address=f"http://{host}:{port}")
    closing = asyncio.create_task(_close_after(stop, site, server))
    await server.serve(sockets=[listening])
    stop.set()
    await closing
    for thread in threads:
        await asyncio.to_thread(thread.join)
    decoder.close()


def decoder_of(settings: Settings) -> Decoder:
    """Processes that decode the pictures of the pages, within the bounds of the settings."""
    limits = Limits(
        max_pixels=settings.photos.max_pixels,
        seconds=settings.photos.decode_seconds,
        short_side=load_manifest(settings.stylize.generator).working_size,
        output_side=WIDTHS[-1],
    )
    return Decoder(limits, DECODERS)


def make_site(settings: Settings, health: Health, decoder: Decoder) -> Site:
    """A site that has read nothing yet."""
    pictures = Pictures(settings, decoder)
    manifest, tables = load_manifest(settings.stylize.generator), Tables()
    generators = {style.style_id for style in manifest.styles}
    return Site(
        settings=settings,
        health=health,
        manifest=manifest,
        tables=tables,
        journal=Journal(partial(tables.has_style, generators=generators)),
        watchers=Watchers(),
        outbox=Outbox(settings),
        pictures=pictures,
        mixer=Mixer(settings, pictures),
        attempts=Attempts(time.monotonic),
        clock=lambda: datetime.now(UTC),
    )


async def _close_after(stop: threading.Event, site: Site, server: uvicorn.Server) -> None:
    """Once `stop` is set, end the open streams and then the server."""
    while not stop.is_set():
        await asyncio.sleep(LOOK_SECONDS)
    site.watchers.close()
    server.should_exit = True


def _listen(settings: WebSettings) -> socket.socket:
    """A socket at the address of the settings. Raises SettingsError where it is not to be had."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=128)
    except OSError as problem:
        raise SettingsError(
            f"setting STYLECAST_WEB__PORT: {settings.host}:{settings.port} cannot be had "
            f"({problem.strerror}); name another, or 0 for a free one"
        ) from problem
