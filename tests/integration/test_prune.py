"""`stylecast store prune` on a real broker: what no record names goes and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from command_line import stylecast

from schemas.codec import encode
from schemas.events import (
    ModelAnnouncement,
    Product,
    Quality,
    RecommendationReason,
    Recommendations,
    RecommendedItem,
    StylizedImage,
)
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, RECOMMENDATIONS, STYLIZED
from stylecore.storage.prune import DEAD_LETTERS, FACTORS, IMAGES
from stylecore.storage.render_cache import SIDECAR_FOLDER as SIDECARS
from stylecore.storage.render_cache import Sidecar
from stylecore.storage.store import Store
from workers.kafka.dead_letters import DeadLetterOutputs, dead_letter
from workers.kafka.producer import Publisher
from workers.kafka.records import Record, tombstone
from workers.kafka.topics import topic_name
from workers.prune import Limits, prune

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
NOTHING = Limits(timedelta(hours=-1), keep_factors=1, wait_seconds=0)
"""Files of this very moment count as old."""


@pytest.fixture
def store(settings):
    return Store(settings.store.uri)


@pytest.fixture
def shop(settings, topics, store):
    """Draws a render and publishes it, or something else that names it."""
    with Publisher(settings, "/test") as publisher:
        yield Shop(settings, store, publisher)


class Shop:
    def __init__(self, settings, store, publisher):
        self.settings, self.store, self.publisher = settings, store, publisher

    def draw(self, what):
        address, digest = self.store.put_blob(IMAGES, what.encode(), ".webp")
        sidecar = Sidecar(
            image_uri=address,
            sha256=digest,
            width=1,
            height=1,
            media_type="image/webp",
            quality=Quality(),
        )
        self.store.put_sidecar(SIDECARS, digest[::-1], encode(sidecar))
        return address

    def publish(self, product_id, address):
        digest = address.rpartition("/")[2].removesuffix(".webp")
        image = StylizedImage(
            product_id=product_id,
            style_id="neon",
            image_uri=address,
            width=1,
            height=1,
            media_type="image/webp",
            sha256=digest,
            source_sha256="5" * 64,
            style_sha256="6" * 64,
            model="m",
            quality=Quality(),
            seed=1,
            rendered_at=NOW,
            job_id="j",
        )
        self.send(STYLIZED, image)

    def send(self, topic, event):
        self.publisher.send(topic, event, NOW)
        self.publisher.flush()

    def prune(self, limits=NOTHING, wait=lambda _seconds: None, apply=True):
        return prune(self.settings, self.store, limits, apply=apply, now=NOW, wait=wait)

    def images(self):
        return {self.store.content(file).decode() for file in self.store.files(IMAGES)}


def recommendations(user_id, address, valid_until):
    item = RecommendedItem(
        product_id="p",
        style_id="neon",
        image_uri=address,
        score=1.0,
        propensity=0.5,
        reason=RecommendationReason(kind="popular", text="popular"),
    )
    return Recommendations(
        user_id=user_id,
        recommendation_id="r",
        items=[item],
        policy="softmax",
        factors_version="none",
        generated_at=NOW - timedelta(days=2),
        valid_until=valid_until,
        caused_by="e",
    )


def test_only_what_a_record_names_stays(shop):
    shop.publish("p1", shop.draw("published"))
    shop.draw("never published")
    shop.publish("p2", shop.draw("old"))
    shop.publish("p2", shop.draw("new"))
    gone = shop.draw("of a removed product")
    shop.publish("p3", gone)
    shop.publisher.send_raw(tombstone(shop.settings, STYLIZED, b"p3/neon"))
    source = shop.draw("a render as a product's photo")
    shop.send(PRODUCTS, Product(product_id="p4", title="t", category="c", image_uri=source))

    looked = shop.prune(apply=False)
    assert len(looked.found.blobs[IMAGES]) == len(looked.found.sidecars) == 3
    assert len(shop.images()) == 6

    pruned = shop.prune()
    assert pruned.removed == 6
    assert shop.images() == {"published", "new", "a render as a product's photo"}
    assert shop.prune().removed == 0


def test_an_image_of_a_shoppers_list_stays_while_the_list_is_valid(shop):
    valid, expired = shop.draw("valid"), shop.draw("expired")
    shop.send(RECOMMENDATIONS, recommendations("ada", valid, NOW + timedelta(hours=1)))
    shop.send(RECOMMENDATIONS, recommendations("bob", expired, NOW - timedelta(hours=1)))
    shop.prune()
    assert shop.images() == {"valid"}


def test_renders_in_flight_are_left_alone(shop):
    shop.draw("just drawn, its record on its way")
    shop.prune(Limits(timedelta(hours=24), 1, 0))
    assert len(shop.images()) == 1


def test_an_old_render_that_a_batch_had_found_and_publishes_meanwhile_stays(shop):
    found = shop.draw("found by a batch")
    shop.draw("unneeded")
    shop.prune(wait=lambda _seconds: shop.publish("p1", found))
    assert shop.images() == {"found by a batch"}


def test_the_factors_in_use_and_the_newest_stay(shop, store):
    addresses = [store.put_blob(FACTORS, data, ".bin") for data in (b"used", b"old", b"newest")]
    address, digest = addresses[0]
    announced = ModelAnnouncement(
        name="preferences", version="1", uri=address, sha256=digest, made_at=NOW
    )
    shop.send(PREFERENCE_MODELS, announced)
    shop.prune()
    assert {store.content(file) for file in store.files(FACTORS)} == {b"used", b"newest"}


def test_the_command_says_what_and_removes_only_when_told(shop, environment):
    shop.publish("p1", shop.draw("published"))
    shop.draw("unneeded")

    def run(*options):
        done = stylecast("store", "prune", "--json", *options, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    young = run()
    assert {row["folder"]: row["unneeded"] for row in young["folders"]}[IMAGES] == 0
    said = run("--age-hours", "0")
    assert {row["folder"]: row["unneeded"] for row in said["folders"]}[IMAGES] == 1
    assert (said["applied"], said["removed"], len(shop.images())) == (False, 0, 2)
    done = run("--age-hours", "0", "--wait-seconds", "0", "--apply")
    assert (done["removed"], shop.images()) == (2, {"published"})


def test_a_record_that_is_kept_in_the_store_stays_while_its_dead_letter_does(shop):
    kept = [
        msgspec.structs.replace(
            dead_letter(record_of_topic(shop.settings, number), "decode", ValueError("too large")),
            key=b"the same key",
        )
        for number in range(2)
    ]
    letters = DeadLetterOutputs("test", shop.store).fitted(kept, NOW.timestamp() * 1000)
    for letter in letters:
        shop.publisher.send_raw(letter)
    shop.publisher.flush()
    unnamed, _ = shop.store.put_blob(
        DEAD_LETTERS, b"of a letter that retention has removed", ".bin"
    )
    pruned = prune(shop.settings, shop.store, NOTHING, apply=True, now=NOW, wait=lambda _: None)
    assert pruned.removed == 1
    left = {file.path for file in shop.store.files(DEAD_LETTERS)}
    assert len(left) == 2
    assert unnamed.removeprefix("file://") not in left


def record_of_topic(settings, number: int) -> Record:
    return Record(
        topic=topic_name(settings, PRODUCTS),
        partition=0,
        offset=number,
        key=b"mug",
        value=bytes([65 + number]) * 2_000_000,
        raw_headers=[],
        timestamp_ms=int(NOW.timestamp() * 1000),
    )
