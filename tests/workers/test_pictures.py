"""The pictures of a batch come together, within one time for all."""

import io
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
from hostile.servers import black_hole, server, server_for_crowds, silent_server
from PIL import Image

from schemas.codec import encode
from schemas.events import StyleDefinition, StyleRequest, StylizeJob
from schemas.topics import GENERATOR_MODELS, JOBS
from stylecore.errors import SettingsError, Transient
from stylecore.storage.fetch import NotFetchable
from stylecore.storage.store import Store
from workers.kafka.records import Record
from workers.pictures import FetchBudget, loader
from workers.settings import load_settings
from workers.stylize import stylize_handlers

HERE = ["127.0.0.0/8"]


def settings_for(folder, *prefixes, patience=1.0, **photos):
    return load_settings(
        store={"uri": str(folder / "store")},
        photos={
            "allowed_prefixes": prefixes,
            "allowed_networks": HERE,
            "patience_seconds": patience,
            **photos,
        },
        stylize={"provider": "cpu", "output_side": 64},
    )


def bytes_loader(settings, budget):
    return loader(settings, Store(settings.store.uri), threading.Event(), bytes, budget)


def test_pictures_that_do_not_come_use_up_one_budget_and_others_come_all_the_same(tmp_path):
    with black_hole() as hole, silent_server() as silent, server() as (shop, asked):
        addresses = f"http://{hole}", f"http://{silent}"
        settings = settings_for(tmp_path, *addresses, shop, patience=0.5)
        budget = FetchBudget(0.5)
        load = bytes_loader(settings, budget)
        for address in addresses:
            with pytest.raises(NotFetchable, match="given up"):
                load(f"{address}/a.png")
        assert budget.left < 0
        with pytest.raises(NotFetchable, match="the server answers 503"):
            load(f"{shop}/photos/busy.png")
        assert asked == ["/photos/busy.png"]  # once, for the time was over
        assert load(f"{shop}/photos/mug.png")
        budget.renew()
        assert budget.left > 0


def test_a_loader_that_is_asked_to_stop_does_not_give_up(tmp_path):
    with server() as (shop, _):
        settings, stop = settings_for(tmp_path, shop, patience=100), threading.Event()
        stop.set()
        load = loader(settings, Store(settings.store.uri), stop, bytes, FetchBudget(60))
        with pytest.raises(Transient):
            load(f"{shop}/photos/busy.png")


def test_more_patience_than_a_batch_has_is_refused():
    with pytest.raises(
        SettingsError, match="PATIENCE_SECONDS: Input should be less than or equal to 200"
    ):
        load_settings(photos={"patience_seconds": 201})


def picture():
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def record(offset, photo, reference):
    definition = {"weights": {"neon": 1.0}} if reference is None else {"reference_uri": reference}
    job = StylizeJob(
        job_id=f"job-{offset}",
        product_id=f"product-{offset}",
        image_uri=photo,
        styles=[StyleRequest(style_id="s", definition=StyleDefinition(**definition))],
        reason="request",
        requested_at=datetime.now(UTC),
    )
    return Record(
        topic=JOBS.name,
        partition=0,
        offset=offset,
        key=job.product_id.encode(),
        value=encode(job),
        raw_headers=[],
        timestamp_ms=0,
    )


def test_all_photos_and_references_of_a_batch_are_asked_for_at_once(tmp_path):
    """The server answers none of them before all are there; hosts that never do are beside them."""
    jobs, references, lost = 8, 2, 4
    with (
        black_hole() as hole,
        server_for_crowds(jobs + references, picture()) as shop,
    ):
        settings = settings_for(tmp_path, shop, f"http://{hole}", patience=10)
        photos = [f"{shop}/{number}.png" for number in range(jobs)]
        photos += [f"http://{hole}/{number}.png" for number in range(lost)]
        named = [f"{shop}/like-{number}.png" for number in range(references)]
        records = [
            record(number, photo, named[number] if number < references else None)
            for number, photo in enumerate(photos)
        ]
        outputs = worked_off(settings, records)
    topics = [output.topic for output in outputs if output.value is not None]
    assert sorted(topics).count(JOBS.name + ".dlq") == lost
    assert len(topics) == jobs + lost


def worked_off(settings, records):
    """What comes of the records; the generator's announcement is none of theirs."""
    with stylize_handlers(settings, threading.Event()) as make_handler:
        outputs = make_handler().process(records)
    return [it for it in outputs if it.topic != GENERATOR_MODELS.name]
