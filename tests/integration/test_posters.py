"""Advertisements through the topics: a request in, pictures out, and what cannot be met is told."""

import hashlib
import io
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from helpers import wait_until
from integration.shop import input_of, latest, read_all, read_dead_letters_of
from PIL import Image
from poster_scenes import logo_file, product_on

from schemas.codec import decode
from schemas.events import PosterRendered, PosterRequest, Product, Quality, StylizedImage
from schemas.topics import POSTER_REQUESTS, POSTERS, PRODUCTS, STYLIZED
from stylecore.imaging.photo import encode
from stylecore.storage.store import Store
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.kafka.replay import Selection, replay
from workers.posters import run_posters
from workers.telemetry import Health

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

NOW = datetime.now(UTC)
REQUEST = PosterRequest(
    poster_id="spring",
    product_id="mug",
    style_id="neon",
    headline="新品上市，慢下来",
    price="¥129",
    sizes=["540x540", "600x314"],
    locale="zh-CN",
    palette=["#0a3d62", "#f8efba"],
)


@contextmanager
def working(settings):
    """The worker in a thread of its own."""
    health, stop = Health(), threading.Event()
    thread = threading.Thread(target=run_posters, args=(settings, health, stop))
    thread.start()
    try:
        wait_until(lambda: health.ready, 60)
        yield
    finally:
        stop.set()
        thread.join(60)


@pytest.fixture
def shop(settings, tmp_path):
    """A product whose photo lies in the store, and a way to publish more."""
    store = Store(settings.store.uri)
    photo, _ = store.put_blob("uploads", encode(product_on())[0], ".webp")
    with Publisher(settings, "/test") as publisher:
        product = Product(product_id="mug", title="Mug", category="mugs", image_uri=photo)
        publisher.send(PRODUCTS, product, NOW)
        yield store, publisher


def publish_render(store, publisher) -> StylizedImage:
    data, media_type = encode(product_on("#f4ead2", "#8e2d5b"))
    uri, digest = store.put_blob("images", data, ".webp")
    render = StylizedImage(
        product_id="mug",
        style_id="neon",
        image_uri=uri,
        width=256,
        height=256,
        media_type=media_type,
        sha256=digest,
        source_sha256="0" * 64,
        style_sha256="0" * 64,
        model="1",
        quality=Quality(),
        seed=0,
        rendered_at=NOW,
        job_id="job",
    )
    publisher.send(STYLIZED, render, NOW)
    return render


def posters(settings) -> dict[str, PosterRendered]:
    found = latest(read_all(settings, POSTERS))
    return {key.decode(): decode(PosterRendered, value) for key, value in found.items()}


def test_a_request_becomes_pictures_of_its_sizes_under_their_content(settings, shop):
    store, publisher = shop
    render = publish_render(store, publisher)
    logo, _ = store.put_blob("uploads", logo_file(), ".png")
    publisher.send(POSTER_REQUESTS, msgspec.structs.replace(REQUEST, logo_uri=logo), NOW)
    publisher.send(POSTER_REQUESTS, msgspec.structs.replace(REQUEST, poster_id="plain"), NOW)
    publisher.flush()
    with working(settings):
        wait_until(lambda: len(read_all(settings, POSTERS)) == 2, 90)
        records = read_all(settings, POSTERS)
        poster = posters(settings)["spring"]
        publisher.send(POSTER_REQUESTS, msgspec.structs.replace(REQUEST, poster_id="again"), NOW)
        publisher.flush()
        wait_until(lambda: len(read_all(settings, POSTERS)) == 3, 90)
    assert poster.images.keys() == poster.sha256.keys() == set(REQUEST.sizes)
    assert (poster.locale, poster.media_type) == ("zh-CN", "image/png")
    assert poster.render_sha256 == render.sha256
    for size, uri in poster.images.items():
        data = store.get(uri)
        assert hashlib.sha256(data).hexdigest() == poster.sha256[size]
        image = Image.open(io.BytesIO(data))
        assert "x".join(map(str, image.size)) == size
        assert (np.asarray(image) == (10, 61, 98)).all(axis=2).mean() > 0.1
    made = posters(settings)
    assert made["again"].sha256 == made["plain"].sha256
    assert len({input_of(record) for record in records}) == 2


def test_a_render_that_is_missing_is_told_and_the_replayed_request_finds_it(settings, shop):
    store, publisher = shop
    fireworks = msgspec.structs.replace(
        REQUEST, poster_id="fireworks", headline="🎆", style_id="original"
    )
    publisher.send(POSTER_REQUESTS, REQUEST, NOW)
    publisher.send(POSTER_REQUESTS, fireworks, NOW)
    publisher.flush()
    with working(settings):
        wait_until(lambda: len(read_dead_letters_of(settings, POSTER_REQUESTS)) == 2, 90)
        letters = read_dead_letters_of(settings, POSTER_REQUESTS)
        reasons = {
            letter.key: dict(letter.headers)["__connect.errors.exception.message"]
            for letter in letters
        }
        assert b"no render of 'mug' in 'neon'" in reasons[b"spring"]
        assert b"U+1F386" in reasons[b"fireworks"]
        assert posters(settings) == {}
        publish_render(store, publisher)
        publisher.flush()
        wanted = Selection(reason="no render")
        (verdict,) = replay(settings, POSTER_REQUESTS.name, wanted, again=False, dry_run=False)
        assert verdict.refused == ""
        wait_until(lambda: posters(settings).keys() == {"spring"}, 90)


def test_a_withdrawn_request_takes_its_poster_away(settings, shop):
    _, publisher = shop
    publisher.send(POSTER_REQUESTS, msgspec.structs.replace(REQUEST, style_id="original"), NOW)
    publisher.flush()
    with working(settings):
        wait_until(lambda: posters(settings).keys() == {"spring"}, 90)
        publisher.send_raw(tombstone(settings, POSTER_REQUESTS, b"spring"))
        publisher.flush()
        wait_until(lambda: posters(settings) == {}, 60)
    assert read_dead_letters_of(settings, POSTER_REQUESTS) == []
