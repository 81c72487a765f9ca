"""The planner's process: waits for its topics, then runs Faust until SIGTERM or Ctrl-C.

catalog.products.v1, catalog.styles.v1, style.demand.v1 -> Agents -> Planning -> stylize.jobs.v1,
and tombstones in images.stylized.v1 and images.rejected.v1 for withdrawn pictures.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import faust

from schemas.events import Style
from schemas.topics import (
    DEMAND,
    JOBS,
    PLANNER_TABLES,
    PREFERENCE_MODELS,
    PRODUCTS,
    REJECTED,
    STYLES,
    STYLIZED,
    changelog_topic,
    dead_letter_topic,
)
from stylecore.errors import SettingsError, Transient
from stylecore.recommender.render_plan import generator_styles
from stylecore.rendering.manifest import GeneratorManifest, load_manifest
from stylecore.storage.store import Store
from workers.factors import FactorsFollower
from workers.kafka.admin import admin_client, cluster
from workers.kafka.dead_letters import DeadLetterOutputs
from workers.kafka.retry import Backoff
from workers.kafka.topics import group_id, require_topics, topic_name
from workers.pictures import version_reader
from workers.planner.agents import Agents, UriIn
from workers.planner.budget import WORKER
from workers.planner.faust_app import make_app, raw_table, web_port
from workers.planner.liveness import Progress, watch
from workers.planner.page import add_pages
from workers.planner.planning import TOGETHER, Planning, Shop, photo_of, reference_of
from workers.settings import Settings
from workers.shutdown import STOP_SECONDS, end_now, in_thread
from workers.telemetry import OncePerMinute, log

INPUTS = (PRODUCTS, STYLES, DEMAND)
OUTPUTS = (JOBS, STYLIZED, REJECTED)


def run_planner(settings: Settings) -> None:
    """Plan until SIGTERM or SIGINT, then return; wait while the broker is down.

    Raises SettingsError or Permanent before anything starts (no generator, a topic missing), and
    SystemExit with a status other than 0 when it fails later.
    """
    manifest = load_manifest(settings.stylize.generator)
    styles = styles_of(manifest, settings.planner.generator_styles)
    partitions, may_declare = _wait_for_topics(settings)
    port, progress = web_port(settings), Progress()
    with _data_folder(settings) as folder, closing(FactorsFollower(settings, WORKER)) as factors:
        app = make_app(settings, str(folder), port, may_declare=may_declare)
        products, published = (raw_table(app, name, partitions) for name in PLANNER_TABLES)
        shop = Shop(products, published, styles)
        names = {style.style_id for style in manifest.styles}
        planning = Planning(settings, shop, manifest.version, lambda: datetime.now(UTC), names)
        store = Store(settings.store.uri)
        agents = Agents(
            app,
            planning,
            (products, published),
            factors,
            DeadLetterOutputs(WORKER, store),
            version_reader(settings, store),
        )
        takes = (planning.take_product, planning.take_style, planning.take_demand)
        uris_in: tuple[UriIn, ...] = (photo_of, reference_of, lambda _: None)
        for topic, take, uri_in in zip(INPUTS, takes, uris_in, strict=True):
            # A style's record plans all products, so styles are not batched.
            batch = 1 if topic is STYLES else TOGETHER
            agents.follow(topic_name(settings, topic), take, topic.name, uri_in, batch)
        add_pages(app, planning, agents.is_ready, progress)
        _log_once_a_minute("aiokafka")
        log.info("planner_started", page=f"http://{settings.worker.http_host}:{port}/plan")
        worker = _Worker(
            app, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True, override_logging=True
        )

        def marks() -> Hashable:
            return planning.sent, sum(filter(None, app.tables.recovery.active_offsets.values()))

        with in_thread("progress", partial(watch, settings, progress, marks)):
            try:
                worker.execute_from_commandline()
            except SystemExit as end:
                if end.code:
                    raise


class _Worker(faust.Worker):  # type: ignore[misc]  # Faust is not typed
    """A worker that exits in time: while the broker is down Faust's shutdown waits for ever.

    Records that are not acknowledged are read again, so nothing is lost.
    """

    def _schedule_shutdown(self, signal: Any) -> None:
        super()._schedule_shutdown(signal)
        timer = threading.Timer(STOP_SECONDS, end_now)
        timer.daemon = True
        timer.start()


@contextmanager
def _data_folder(settings: Settings) -> Iterator[Path]:
    """Yield the data folder that Faust requires, the same after a kill, and remove it."""
    name = f"{group_id(settings, WORKER)}-{settings.worker.instance}-{os.getuid()}"
    folder = Path(tempfile.gettempdir()) / name
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _log_once_a_minute(library: str) -> None:
    """Limit a library's log: aiokafka repeats lines ten times a second in an outage."""
    once_a_minute = OncePerMinute()

    def may_pass(record: logging.LogRecord) -> bool:
        return once_a_minute(f"{record.name}: {record.msg}")

    for name in logging.root.manager.loggerDict:
        if name.startswith(f"{library}."):
            logging.getLogger(name).addFilter(may_pass)


def styles_of(manifest: GeneratorManifest, only: Sequence[str] | None) -> dict[str, Style]:
    """Return the generator's styles for every product. Raises SettingsError if unknown."""
    labels = {style.style_id: style.label for style in manifest.styles}
    unknown = sorted(set(only or ()) - labels.keys())
    if unknown:
        raise SettingsError(
            f"setting STYLECAST_PLANNER__GENERATOR_STYLES: the generator has no style "
            f"{', '.join(unknown)}; it has {', '.join(labels)}"
        )
    return generator_styles({name: labels[name] for name in labels if only is None or name in only})


def _wait_for_topics(settings: Settings) -> tuple[int, bool]:
    """Wait for the topics; return the products' partitions, and whether changelogs are missing.

    Faust ignores a missing input and hangs on a missing output. It declares changelogs even if they
    exist, and exits where it may not create topics.
    """
    names = [topic_name(settings, topic) for topic in (*INPUTS, *OUTPUTS, PREFERENCE_MODELS)]
    names += [dead_letter_topic(topic_name(settings, topic)) for topic in INPUTS]
    backoff = Backoff(threading.Event())
    while True:
        try:
            require_topics(settings, names)
            topics = cluster(admin_client(settings)).topics
            changelogs = [
                changelog_topic(group_id(settings, WORKER), name) for name in PLANNER_TABLES
            ]
            partitions = len(topics[topic_name(settings, PRODUCTS)].partitions)
            return partitions, any(name not in topics for name in changelogs)
        except Transient as problem:
            backoff.after(problem)
