"""Logs, metrics and probes: structured log lines, Prometheus metrics, /live, /ready and /metrics.

Names of metrics are a contract with dashboards and alerts: a test compares the README's table with
this file. deploy/LOG_EVENTS.md lists every log event.
"""

from __future__ import annotations

import math
import platform
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import confluent_kafka
import structlog
from prometheus_client import Counter, Gauge, Histogram, Info, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from workers.settings import LogSettings, WorkerSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RECORDS_CONSUMED = Counter(
    "stylecast_records_consumed_total", "Records taken from a topic", ["worker", "topic"]
)
RECORDS_PRODUCED = Counter(
    "stylecast_records_produced_total", "Records committed to a topic", ["worker", "topic"]
)
BATCH_SECONDS = Histogram(
    "stylecast_batch_seconds",
    "Time of one stage of a batch",
    ["worker", "stage"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
TRANSACTIONS = Counter(
    "stylecast_transactions_total", "Transactions by how they ended", ["worker", "outcome"]
)
DEAD_LETTERS = Counter(
    "stylecast_dead_letters_total", "Records set aside, by input topic", ["topic", "error"]
)
WEB_SECONDS = Histogram(
    "stylecast_web_response_seconds",
    "From a request of the pages to the first bytes of its answer",
    ["route", "status"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
CRASHES = Counter(
    "stylecast_crashes_total",
    "Exceptions that are a fault of the worker, by input topic ('' where no record caused it)",
    ["worker", "topic", "error"],
)
FORWARDED = Counter(
    "stylecast_records_forwarded_total",
    "Records sent on to the partition of their key, by topic",
    ["topic"],
)
RENDERS = Counter("stylecast_renders_total", "Pictures by outcome", ["style", "outcome", "reason"])
PHOTO_NOTES = Counter(
    "stylecast_photo_notes_total",
    "Photos and references by what was put right or passed over when they were read",
    ["note"],
)
EVENT_AGE = Histogram(
    "stylecast_event_age_seconds",
    "From the timestamp of a batch's oldest record to the commit of its results",
    ["worker"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
FACTORS_VERSION = Gauge("stylecast_factors_version", "1 for the factor version in use", ["version"])
FACTORS_INFO = Info("stylecast_factors", "The factor version in use, and the one before it")
FACTORS_MADE = Gauge(
    "stylecast_factors_made_timestamp_seconds", "When the factors in use were fitted"
)
FACTORS_REJECTED = Counter(
    "stylecast_factors_rejected_total", "Announced factors that were kept out", ["worker"]
)
REFITS = Counter("stylecast_refits_total", "Refits of the factors by outcome", ["outcome"])
BUILD = Info("stylecast_build", "Versions of Stylecast and of what it runs on")
BUILD.info(
    {
        "version": version("stylecast"),
        "python": platform.python_version(),
        "librdkafka": confluent_kafka.libversion()[0],
    }
)
READY = Gauge("stylecast_ready", "1 while the worker works, as /ready says")

PROBE_SECONDS = 10.0
"""How long a client of the probes may send nothing."""
MOST_CONNECTIONS = 64
"""How many connections the probes hold at a time."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logging(settings: LogSettings) -> None:
    """Write one event a line to standard error."""
    renderers: list[Any] = [structlog.processors.JSONRenderer()]
    if settings.format == "console":
        renderers = [on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def on_one_line(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Escape control characters: values come from records, which anyone may have written."""
    del logger, method
    return {
        name: escaped(value) if isinstance(value, str) and name != "exception" else value
        for name, value in event.items()
    }


def escaped(text: str) -> str:
    """Return the text with control characters as Python escapes."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


@dataclass
class OncePerMinute:
    """A rate limit for log lines: one of the same kind a minute."""

    clock: Callable[[], float] = time.monotonic
    _last: dict[str, float] = field(default_factory=dict)

    def __call__(self, what: str) -> bool:
        """Return whether a line of kind `what` may be written now."""
        now = self.clock()
        if now - self._last.get(what, -60.0) < 60:
            return False
        self._last[what] = now
        return True


@dataclass
class Health:
    """What the probes answer: live by default, ready when the worker says so."""

    ready: bool = False
    clock: Callable[[], float] = time.monotonic
    _deadline: float = math.inf

    @property
    def live(self) -> bool:
        """Whether the current step is within its deadline; a call may never return."""
        return self.clock() < self._deadline

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Make the process not live where the block takes longer."""
        self._deadline = self.clock() + seconds
        try:
            yield
        finally:
            self._deadline = math.inf


@contextmanager
def stage(worker: str, name: str) -> Iterator[None]:
    """Measure one stage of a batch."""
    with BATCH_SECONDS.labels(worker, name).time():
        yield


@contextmanager
def probes(settings: WorkerSettings, health: Health) -> Iterator[int]:
    """Serve /live, /ready and /metrics in a thread; yield the port."""
    READY.set_function(lambda: health.ready)
    server = make_server(
        settings.http_host, settings.http_port, _probe_app(health), _ProbeServer, _ProbeHandler
    )
    thread = threading.Thread(target=server.serve_forever, name="probes", daemon=True)
    thread.start()
    log.info("probes_started", address=f"http://{settings.http_host}:{server.server_port}")
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _probe_app(health: Health) -> Any:
    metrics = make_wsgi_app()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        states = {"/live": health.live, "/ready": health.ready}
        if path not in states:
            status, text = "404 Not Found", "try /live, /ready or /metrics"
        elif states[path]:
            status, text = "200 OK", "yes"
        else:
            status, text = "503 Service Unavailable", "no"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return app


class _ProbeServer(ThreadingWSGIServer):
    """A server with a thread for each connection, so that a silent client blocks no probe.

    Beyond MOST_CONNECTIONS the oldest connection is closed.
    """

    request_queue_size = MOST_CONNECTIONS

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: dict[socket.socket, None] = {}
        self._changing = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection."""
        with self._changing:
            self._open[request] = None
            too_many = len(self._open) > MOST_CONNECTIONS
            oldest = next(iter(self._open))
            if too_many:
                del self._open[oldest]
        if too_many:
            with suppress(OSError):  # it was just closed
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Drop a connection that has been answered."""
        with self._changing:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about a client that disconnected or sent nothing."""


class _ProbeHandler(WSGIRequestHandler):
    """A request handler that does not log requests: probes come every few seconds."""

    timeout = PROBE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""
