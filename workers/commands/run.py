"""`stylecast run WORKER...`: one worker in this process, or several as children of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from workers.restarts import Restarts
from workers.settings import Settings, load_settings
from workers.shutdown import stop_on_signals
from workers.telemetry import Health, configure_logging, log, probes


class Worker(StrEnum):
    """The workers that there are."""

    stylize = "stylize"
    preferences = "preferences"
    planner = "planner"
    trainer = "trainer"
    posters = "posters"
    lag = "lag"
    web = "web"


MODULES = {
    Worker.stylize: "workers.stylize",
    Worker.preferences: "workers.preferences.worker",
    Worker.planner: "workers.planner",
    Worker.trainer: "workers.trainer",
    Worker.posters: "workers.posters",
    Worker.lag: "workers.lag",
    Worker.web: "workers.web",
}
"""Worker to the module of its function `run_<worker>`, which is imported when it is to run."""


def run(
    workers: Annotated[list[Worker], typer.Argument(help="One or several.")],
    instance: Annotated[
        str | None, typer.Option(help="Name of this instance, stable over restarts.")
    ] = None,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="Stop when this process is gone.")
    ] = None,
) -> None:
    """Run workers until SIGTERM or Ctrl-C; the batch in hand is finished, or dropped whole."""
    settings = load_settings()
    if instance is not None:
        worker_settings = settings.worker.model_copy(update={"instance": instance})
        settings = settings.model_copy(update={"worker": worker_settings})
    configure_logging(settings.log)
    if parent is not None:
        threading.Thread(target=_stop_without, args=(parent,), daemon=True).start()
    if len(workers) == 1:
        run_one(workers[0], settings)
    else:
        run_children(workers, instance)


def run_one(worker: Worker, settings: Settings) -> None:
    """Run a worker in this process. Raises StylecastError where it cannot start."""
    function: Callable[..., None] = getattr(import_module(MODULES[worker]), f"run_{worker.value}")
    if worker is Worker.planner:  # Faust has its own event loop, signals and pages
        function(settings)
        return
    health = Health()
    with stop_on_signals() as stop, probes(settings.worker, health):
        log.info("worker_started", worker=worker.value, instance=settings.worker.instance)
        function(settings, health, stop)
    log.info("worker_stopped", worker=worker.value)


def run_children(workers: list[Worker], instance: str | None) -> None:
    """Run each worker in a process until SIGTERM or Ctrl-C; restart those that end."""
    flags = ["--parent", str(os.getpid()), *(["--instance", instance] if instance else [])]
    children: dict[str, subprocess.Popen[bytes]] = {}
    restarts, stop = Restarts(), threading.Event()

    def start(worker: str) -> None:
        command = [sys.executable, "-m", "workers", "run", worker, *flags]
        children[worker] = subprocess.Popen(command)
        restarts.note_start(worker)

    def log_end(worker: str, status: int, seconds: float) -> None:
        log.error("worker_ended", worker=worker, status=status, restart_seconds=seconds)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        for worker in workers:
            start(worker.value)
        while not stop.wait(0.2):
            restarts.revive(children, start, log_end)
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait()


def _stop_without(parent: int) -> None:
    """Stop this process as SIGTERM does, once it is no longer the parent's child."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
