"""Probes and metrics over HTTP; trouble once a minute."""

import urllib.error
import urllib.request

import pytest

from workers.settings import WorkerSettings
from workers.telemetry import Health, OncePerMinute, probes


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


def test_the_same_trouble_is_told_once_a_minute():
    now = [0.0]
    may_tell = OncePerMinute(clock=lambda: now[0])
    told = []
    for now[0] in (0.0, 1.0, 59.0, 60.0, 61.0):
        told.append((may_tell("broker"), may_tell("store") if now[0] == 1.0 else None))
    assert [broker for broker, _ in told] == [True, False, False, True, False]
    assert told[1][1] is True
