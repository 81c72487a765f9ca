"""The lag worker: looks every few seconds, whether the groups run or not, and serves /metrics.

While the broker is away there are no figures rather than old ones, and a gauge that says so.
"""

from __future__ import annotations

import threading
import time

from prometheus_client import REGISTRY

from stylecore.errors import Transient
from workers.lag.history import History
from workers.lag.lookout import Lookout
from workers.lag.metrics import LagCollector
from workers.settings import Settings
from workers.telemetry import Health, OncePerMinute, log


def run_lag(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Look until `stop`; trouble is told once a minute and makes the worker not ready."""
    collector, tell = LagCollector(settings.lag.cluster), OncePerMinute()
    lookout, history = Lookout(settings), History(settings.lag.looks)
    REGISTRY.register(collector)
    try:
        while not stop.is_set():
            try:
                collector.groups = history.judge(lookout.look(), time.time())
            except Transient as problem:
                collector.groups = None
                if tell("away"):
                    log.warning("no lag", why=str(problem))
            health.ready = collector.groups is not None
            stop.wait(settings.lag.interval_seconds)
    finally:
        REGISTRY.unregister(collector)
        lookout.close()
