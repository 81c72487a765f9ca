"""The demo's shop, open to people: pages and posters beside the other workers, until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import threading

from workers.demo.fleet import Fleet
from workers.demo.progress import Progress
from workers.ports import free_port

LOOK_SECONDS = 0.5
WORKERS = ("web", "posters")
PORT = "STYLECAST_WEB__PORT"


def port_for_pages(wanted: int) -> int:
    """The port of the settings where it is free, else one that is."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as taken:
            return int(taken.getsockname()[1])
    except OSError:
        return free_port()


def open_pages(workers: Fleet, progress: Progress) -> str:
    """Start what people need; the pages' address. Raises StylecastError where it does not start."""
    progress.stage("Opening the shop")
    for worker in WORKERS:
        if worker not in workers.processes:
            workers.start(worker)
    for worker in WORKERS:
        workers.wait_ready(worker)
    return f"http://127.0.0.1:{workers.environment[PORT]}"


def keep_open(workers: Fleet, progress: Progress, address: str) -> None:
    """Until Ctrl-C or SIGTERM; a worker that ends by itself is started again."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    progress.stage(f"The shop is open at {address} until Ctrl-C")
    try:
        while not stop.wait(LOOK_SECONDS):
            workers.require_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    progress.stage("Closing the shop")
