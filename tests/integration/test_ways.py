"""How many files a newcomer follows: from a click to its list, from a photo to its render."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import worlds
from helpers import is_ready, wait_until
from integration.shop import announce_factors, click, job_of, latest, read_all

from schemas.topics import FEEDBACK, JOBS, PRODUCTS, RECOMMENDATIONS, STYLIZED
from workers.broker.ports import free_port
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

CLICK_FILES, PHOTO_FILES = 34, 35
TIMED = {"workers/kafka/admin.py", "workers/kafka/groups.py"}
"""Run by timers, whether or not a record has come: for recreated topics and unowned partitions."""
TRACER = Path(__file__).parents[1] / "trace_files.py"


def test_a_click_is_followed_to_its_list_in_few_files(settings, environment, tmp_path, capsys):
    announce_factors(settings, 1)  # of twelve products, of which one is in the shop
    product = worlds.product(3)
    with Publisher(settings, "/test") as publisher:
        publisher.send(PRODUCTS, product, datetime.now(UTC))

    def act() -> None:
        with Publisher(settings, "/test") as publisher:
            publisher.send(FEEDBACK, click(1, "ada", product), datetime.now(UTC))
        wait_until(lambda: b"ada" in latest(read_all(settings, RECOMMENDATIONS)), 60)

    files = files_of("preferences", environment, tmp_path, act)
    assert "stylecore/recommender/foldin.py" in files
    with capsys.disabled():
        print(f"\nclick to list: {len(files)} files")
    assert len(files) <= CLICK_FILES, "\n".join(files)


def test_a_photo_is_followed_to_its_render_in_few_files(settings, environment, tmp_path, capsys):
    product = sample_products()[0]

    def act() -> None:
        with Publisher(settings, "/test") as publisher:
            publisher.send(JOBS, job_of(product, datetime.now(UTC)), datetime.now(UTC))
        wait_until(lambda: len(latest(read_all(settings, STYLIZED))) == 1, 90)

    photos = str(Path(product.image_uri).parents[1])
    given = environment | {"STYLECAST_PHOTOS__ALLOWED_PREFIXES": f'["{photos}"]'}
    files = files_of("stylize", given, tmp_path, act)
    with capsys.disabled():
        print(f"\nphoto to render: {len(files)} files")
    assert len(files) <= PHOTO_FILES, "\n".join(files)


def files_of(
    worker: str, environment: dict[str, str], folder: Path, act: Callable[[], None]
) -> list[str]:
    """Our files in which a function of the worker's process ran while `act` did."""
    port = free_port()
    output = folder / "files"
    process = subprocess.Popen(
        [sys.executable, str(TRACER), str(output), "run", worker],
        env={**environment, "STYLECAST_WORKER__HTTP_PORT": str(port)},
        stdin=subprocess.PIPE,
        text=True,
    )

    def answers() -> bool:
        assert process.poll() is None, f"{worker} has ended"
        try:
            return is_ready(port)
        except OSError:
            return False

    try:
        wait_until(answers, 120)
        _say(process)
        act()
        _say(process)
        wait_until(output.exists, 30)
    finally:
        process.kill()
        process.communicate()
    return sorted({*output.read_text(encoding="utf-8").split("\n")} - TIMED)


def _say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
