"""A worker that ends is started again, and the others go on."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
from helpers import wait_until

from workers.demo.fleet import fleet
from workers.restarts import Restarts

NO_BROKER = {"STYLECAST_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


def test_the_back_off_doubles_and_is_short_again_after_a_steady_minute():
    now = [0.0]
    restarts, delays = Restarts(clock=lambda: now[0]), []
    for ran in (0, 0, 5, 0, 0, 0, 0, 61):
        restarts.note_start("web")
        now[0] += ran
        delay = restarts.note_end("web")
        assert restarts.note_end("web") is None
        assert not restarts.is_due("web")
        now[0] += delay
        assert restarts.is_due("web")
        delays.append(delay)
    assert delays == [1, 2, 4, 8, 16, 30, 30, 1]


@contextmanager
def running(log, *workers):
    """`stylecast run` of several, without a broker."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", "run", *workers],
            env={**os.environ, **NO_BROKER, "STYLECAST_WEB__PORT": "0"},
            stdout=output,
            stderr=output,
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        assert process.wait(60) == 0


def children_of(process):
    """The workers by name."""
    found = {}
    for child in process.children():
        words = child.cmdline()
        if "run" in words:
            found[words[words.index("run") + 1]] = child
    return found


def test_run_starts_a_worker_again_that_ends_and_none_minds_that_the_broker_is_away(tmp_path):
    log = tmp_path / "log"
    with running(log, "web", "lag", "posters") as process:
        wait_until(lambda: log.read_text().count('"probes_started"') == 3, 120)
        wait_until(lambda: log.read_text().count("127.0.0.1:1") >= 3, 120)
        before = children_of(process)
        before["lag"].send_signal(signal.SIGKILL)
        wait_until(lambda: log.read_text().count('"probes_started"') == 4, 120)
        after = children_of(process)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name].pid != before[name].pid} == {"lag"}
    (line,) = re.findall(r".*worker_ended.*", log.read_text())
    assert '"worker": "lag", "status": -9, "restart_seconds": 1.0' in line


def test_a_fleet_that_tells_starts_a_worker_again(tmp_path):
    lines = []
    with fleet(NO_BROKER, tmp_path / "logs", lines.append) as running:
        running.start("lag")
        first = running.processes["lag"]
        wait_until(lambda: running._says_yes("lag", "/live"), 60)
        first.kill()

        def is_back():
            running.require_running()
            return running.processes["lag"] is not first and running._says_yes("lag", "/live")

        wait_until(is_back, 60)
        assert len(lines) == 1
        assert re.match(r"lag ended with -9 \(.*lag.log\): it is started again in 1 s", lines[0])
        assert (tmp_path / "logs" / "lag.log").read_text().count('"probes_started"') == 2
