"""Mutants of photos through the running worker: each ends as pictures or as a dead letter."""

import os
import time
from collections import Counter
from datetime import UTC, datetime

import psutil
import pytest
from hostile.fuzz_pictures import resident_bytes, seeds
from hostile.mutants import mutant
from integration.shop import input_of, read_all, read_dead_letters_of, shop_fleet

from schemas.events import StyleDefinition, StyleRequest, StylizeJob
from schemas.topics import JOBS, REJECTED, STYLIZED
from workers.kafka.dead_letters import PREFIX
from workers.kafka.producer import Publisher

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

MUTANTS = int(os.environ.get("HOSTILE_JOBS", "100"))
RESIDENT_BYTES = 1_500_000_000
"""Of the worker and its decoders together."""
QUICK = {"STYLECAST_STYLIZE__OUTPUT_SIDE": "128", "STYLECAST_STYLIZE__THREADS": "1"}


def job(number: int, photo: str) -> StylizeJob:
    """One style of one photo."""
    ink = StyleRequest(style_id="ink-line", definition=StyleDefinition(weights={"ink-line": 1.0}))
    return StylizeJob(
        job_id=f"job-{number}",
        product_id=f"product-{number}",
        image_uri=photo,
        styles=[ink],
        reason="request",
        requested_at=datetime.now(UTC),
    )


def test_each_mutant_ends_as_a_picture_or_a_dead_letter_and_the_worker_lives(
    settings, environment, tmp_path
):
    photos = tmp_path / "photos"
    photos.mkdir()
    with shop_fleet(settings, environment | QUICK, tmp_path) as fleet:
        fleet.start("stylize")
        with Publisher(settings, "/test") as publisher:
            for number in range(MUTANTS):
                photo = photos / f"{number}.jpg"
                photo.write_bytes(mutant(seeds(), number))
                publisher.send(JOBS, job(number, str(photo)), datetime.now(UTC))
        worker = psutil.Process(fleet.processes["stylize"].pid)
        most = 0
        while len(ended := outcomes(settings)) < MUTANTS:
            fleet.require_running()
            family = [worker, *worker.children(recursive=True)]
            most = max(most, sum(resident_bytes(process.pid) for process in family))
            time.sleep(1)

    assert max(ended.values()) == 1
    assert most < RESIDENT_BYTES
    reasons = [dict(letter.headers) for letter in read_dead_letters_of(settings, JOBS)]
    assert {headers[f"{PREFIX}exception.class.name"] for headers in reasons} == {b"NotAPhoto"}
    assert MUTANTS / 10 < len(reasons) < MUTANTS


def outcomes(settings) -> Counter[tuple[str, ...]]:
    """How often each job has ended, by the place of its record."""
    pictures = [*read_all(settings, STYLIZED), *read_all(settings, REJECTED)]
    ended = [input_of(record) for record in pictures if record.value is not None]
    for letter in read_dead_letters_of(settings, JOBS):
        headers = dict(letter.headers)
        names = ("topic", "partition", "offset")
        ended.append(tuple(headers[f"{PREFIX}{name}"].decode() for name in names))
    return Counter(ended)
