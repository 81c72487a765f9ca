"""SIGTERM in the middle of a long batch: it is dropped whole, and the next process does it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers import wait_until
from integration.shop import input_of, read_all, read_dead_letters_of, shop_fleet

from schemas.events import StyleDefinition, StyleRequest, StylizeJob
from schemas.topics import JOBS, REJECTED, STYLIZED
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

STYLES = 32
JOBS_SENT = 2
LONG_BATCH = {
    "STYLECAST_STYLIZE__BATCH_IMAGES": "1",
    "STYLECAST_STYLIZE__OUTPUT_SIDE": "64",
    "STYLECAST_STYLIZE__THREADS": "1",
}


def many_styles(number: int, photo: str) -> StylizeJob:
    """Pictures that differ in their seed alone."""
    definitions = [
        StyleDefinition(weights={"ink-line": 1.0}, seed=1000 * number + seed)
        for seed in range(STYLES)
    ]
    return StylizeJob(
        job_id=f"job-{number}",
        product_id="product",
        image_uri=photo,
        styles=[
            StyleRequest(style_id=f"style-{seed}", definition=definition)
            for seed, definition in enumerate(definitions)
        ],
        reason="request",
        requested_at=datetime.now(UTC),
    )


def test_a_stop_in_the_middle_of_a_batch_drops_it_whole_and_the_next_process_goes_on(
    settings, environment, tmp_path
):
    photo = sample_products()[0].image_uri
    renders = Path(settings.store.uri) / "renders"
    with Publisher(settings, "/test") as publisher:
        for number in range(JOBS_SENT):
            publisher.send(JOBS, many_styles(number, photo), datetime.now(UTC))
    with shop_fleet(settings, environment | LONG_BATCH, tmp_path) as fleet:
        fleet.start("stylize")
        wait_until(lambda: any(renders.rglob("*.json")), 120)
        worker = fleet.processes["stylize"]
        worker.terminate()
        assert worker.wait(60) == 0
        drawn = len(list(renders.rglob("*.json")))

    assert 0 < drawn < JOBS_SENT * STYLES
    assert read_all(settings, STYLIZED) == read_all(settings, REJECTED) == []

    with shop_fleet(settings, environment | LONG_BATCH, tmp_path / "again") as fleet:
        fleet.start("stylize")
        wait_until(lambda: len(pictures(settings)) >= JOBS_SENT * STYLES, 200)
    assert len(set(pictures(settings))) == len(pictures(settings)) == JOBS_SENT * STYLES
    assert read_dead_letters_of(settings, JOBS) == []


def pictures(settings) -> list[tuple[object, ...]]:
    """The place of the job and the key of every picture, published or rejected."""
    return [
        (*input_of(record), record.key)
        for topic in (STYLIZED, REJECTED)
        for record in read_all(settings, topic)
        if record.value is not None
    ]
