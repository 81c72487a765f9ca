"""Probes and metrics over HTTP; trouble once a minute."""

import re
import socket
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest
from prometheus_client import generate_latest

from workers.settings import WorkerSettings
from workers.telemetry import MOST_CONNECTIONS, Health, OncePerMinute, _ProbeHandler, probes


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.read().decode()


def test_live_ready_and_metrics_are_served():
    health = Health()
    with probes(WorkerSettings(), health) as port:
        assert get(port, "/live") == (200, "yes")
        assert get(port, "/ready") == (503, "no")
        health.ready = True
        assert get(port, "/ready") == (200, "yes")
        status, text = get(port, "/metrics")
        assert status == 200
        assert "stylecast_transactions_total" in text
        assert get(port, "/else")[0] == 404
    with pytest.raises(urllib.error.URLError):
        get(port, "/live")


def test_connections_that_say_nothing_or_drip_keep_no_probe_waiting():
    health = Health(ready=True)
    with probes(WorkerSettings(), health) as port, ExitStack() as held:

        def connect():
            return held.enter_context(socket.create_connection(("127.0.0.1", port)))

        silent, loris = connect(), connect()
        loris.sendall(b"GET /live HTTP/1.1\r\nX-Slow: ")
        for _ in range(3):
            loris.sendall(b"x")
            assert get(port, "/live") == (200, "yes")
        assert get(port, "/ready") == (200, "yes")
        crowd = [connect() for _ in range(3 * MOST_CONNECTIONS)]
        assert get(port, "/live") == (200, "yes")
        assert silent.recv(1) == b""  # the oldest gave way
        serving = [t for t in threading.enumerate() if "process_request_thread" in t.name]
        assert len(serving) <= 2 * MOST_CONNECTIONS
        assert get(port, "/metrics")[0] == 200
        del crowd


def test_a_client_that_says_nothing_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(_ProbeHandler, "timeout", 0.2)
    with (
        probes(WorkerSettings(), Health()) as port,
        socket.create_connection(("127.0.0.1", port)) as silent,
    ):
        assert silent.recv(1) == b""


def test_the_build_is_exported():
    found = generate_latest().decode()
    assert re.search(r'^stylecast_build_info\{.*version="[0-9]', found, re.MULTILINE)


def test_a_step_that_takes_longer_than_it_may_is_not_live_until_it_ends():
    now = [0.0]
    health = Health(clock=lambda: now[0])
    with health.within(10):
        now[0] = 9.0
        assert health.live
        now[0] = 11.0
        assert not health.live
        with probes(WorkerSettings(), health) as port:
            assert get(port, "/live") == (503, "no")
    assert health.live


def test_the_same_line_is_logged_once_a_minute():
    now = [0.0]
    once_a_minute = OncePerMinute(clock=lambda: now[0])
    found = []
    for now[0] in (0.0, 1.0, 59.0, 60.0, 61.0):
        found.append((once_a_minute("broker"), once_a_minute("store") if now[0] == 1.0 else None))
    assert [broker for broker, _ in found] == [True, False, False, True, False]
    assert found[1][1] is True
