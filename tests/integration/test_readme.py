"""The README's first steps, line by line as a newcomer types them, on a broker of this test's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import wait_until

from workers.broker import local_broker

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
STYLES = 9


def commands() -> tuple[list[str], list[str]]:
    """What is typed into the second terminal and the third, command by command."""
    text = (ROOT / "README.md").read_text()
    section = text.split("## Send a product, read a list")[1].split("The same with kcat")[0]
    broker, workers, shop = re.findall(r"(?s)```sh\n(.*?)```", section)
    assert broker.strip() == ".venv/bin/stylecast broker --port 9092"
    starts = re.compile(r"(?m)^(?=export|stylecast|echo|sleep)")
    second, third = (
        [it.strip() for it in starts.split(block) if it.strip()] for block in (workers, shop)
    )
    return second, third


@pytest.fixture
def terminal(tmp_path):
    """Runs commands of a terminal in the project's folder; an export holds for those after it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "stylecast"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m workers "$@"\n')
    program.chmod(0o755)
    with local_broker() as broker:
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "STYLECAST_STORE__URI": str(tmp_path / "store"),
            "STYLECAST_WEB__PORT": "0",
        }
        exports: list[str] = []

        def type_in(command: str) -> subprocess.Popen[str]:
            command = command.replace("127.0.0.1:9092", broker.bootstrap_servers)
            command = command.replace("$PWD/.venv/bin:", f"{programs}:")
            if command.startswith("export"):
                exports.append(command)
            return subprocess.Popen(
                ["bash", "-c", "\n".join([*exports, command])],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        yield type_in


def said(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def interrupt(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does: everything that the terminal runs."""
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)


@pytest.mark.timeout(400)
def test_the_first_steps_of_the_readme_show_what_it_says(terminal):
    second, third = commands()
    *before, run = second
    for command in before:
        said(terminal(command))
    assert run.startswith("stylecast run")
    workers = terminal(run)
    try:
        *before, publish, tail, click, recommend = third
        for command in before:
            said(terminal(command))
        assert "1 sent to catalog.products.v1" in said(terminal(publish))
        watching = terminal(tail)
        shown = [watching.stdout.readline() for _ in range(STYLES)]
        interrupt(watching)
        assert all("mug-17/" in line for line in shown), shown
        assert "1 sent to feedback.events.v1" in said(terminal(click))

        def ada_has_a_list() -> bool:
            """Two seconds may be short where the machine is busy."""
            return "For ada" in (lists := said(terminal(recommend))) and "mug-17" in lists

        started = time.monotonic()
        wait_until(ada_has_a_list, 60)
        print(f"ada has a list {time.monotonic() - started:.1f} s after the click")
    finally:
        interrupt(workers)
