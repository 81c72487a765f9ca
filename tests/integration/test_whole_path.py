"""From a photo to a shopper's list: every worker as its own process on a real broker."""

from datetime import UTC, datetime

import msgspec
import pytest
from helpers import wait_until
from integration.shop import (
    click,
    latest,
    publish_products,
    read_all,
    read_dead_letters_of,
    shop_fleet,
)

from schemas.codec import decode
from schemas.events import ModelAnnouncement, Recommendations, StylizedImage, StylizeJob
from schemas.topics import (
    FEEDBACK,
    GENERATOR_MODELS,
    JOBS,
    PREFERENCE_MODELS,
    PRODUCTS,
    RECOMMENDATIONS,
    STYLIZED,
)
from stylecore.storage.store import Store
from workers.commands.events import read_recommendations
from workers.kafka.producer import Publisher
from workers.lag import collect_lag

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

STYLES = {"watercolour", "ink-line"}


def test_photos_become_renders_clicks_become_lists_and_factors_are_taken_up(
    settings, environment, tmp_path
):
    with shop_fleet(settings, environment, tmp_path) as fleet:
        for worker in ("planner", "stylize", "preferences"):
            fleet.start(worker)
        products = publish_products(settings, 3)
        wait_until(lambda: len(latest(read_all(settings, STYLIZED))) == 6, 90)
        images = [decode(StylizedImage, v) for v in latest(read_all(settings, STYLIZED)).values()]
        assert {(i.product_id, i.style_id) for i in images} == {
            (product.product_id, style) for product in products for style in STYLES
        }
        store = Store(settings.store.uri)
        assert all(len(store.get(image.image_uri)) > 1000 for image in images)

        with Publisher(settings, "/test") as publisher:
            for number in range(6):
                shopper = f"shopper-{number % 3}"
                event = click(number, shopper, products[number // 2], "ink-line")
                publisher.send(FEEDBACK, event, datetime.now(UTC))
        wait_until(lambda: _list_of(settings, "shopper-2").caused_by == "event-5", 60)
        mine = _list_of(settings, "shopper-2")
        rendered = {image.image_uri for image in images} | {p.image_uri for p in products}
        assert {item.image_uri for item in mine.items} <= rendered
        assert all(item.reason.text and 0 < item.propensity <= 1 for item in mine.items)
        assert read_recommendations(settings, "a stranger").user_id == "*"

        fleet.start("trainer")
        wait_until(lambda: len(read_all(settings, PREFERENCE_MODELS)) == 1, 60)
        (record,) = read_all(settings, PREFERENCE_MODELS)
        factors = decode(ModelAnnouncement, record.value)
        wait_until(lambda: _list_of(settings, "*").factors_version == factors.version, 60)
        wait_until(lambda: sum(group.lag for group in collect_lag(settings)) == 0, 60)
        assert [*latest(read_all(settings, GENERATOR_MODELS))] == [b"generator"]


def test_an_unchanged_repeat_draws_nothing_and_a_mistake_stops_nobody(
    settings, environment, tmp_path
):
    with shop_fleet(settings, environment, tmp_path) as fleet:
        for worker in ("planner", "stylize"):
            fleet.start(worker)
        (product,) = publish_products(settings, 1)
        wait_until(lambda: len(latest(read_all(settings, STYLIZED))) == 2, 90)
        jobs = len(read_all(settings, JOBS))

        text = tmp_path / "text.jpg"
        text.write_text("no photo")
        broken = msgspec.structs.replace(product, product_id="broken", image_uri=str(text))
        with Publisher(settings, "/test") as publisher:
            publisher.send(PRODUCTS, broken, datetime.now(UTC))
        publish_products(settings, 2)  # the first again, and a second one
        wait_until(lambda: len(latest(read_all(settings, STYLIZED))) == 4, 60)
        wait_until(lambda: len(read_dead_letters_of(settings, JOBS)) == 1, 60)

        planned = [decode(StylizeJob, record.value) for record in read_all(settings, JOBS)]
        assert [job.product_id for job in planned].count(product.product_id) == jobs == 1
        (letter,) = read_dead_letters_of(settings, JOBS)
        headers = dict(letter.headers)
        assert b"no readable photo" in headers["__connect.errors.exception.message"]
        assert decode(StylizeJob, letter.value).product_id == "broken"


def _list_of(settings, user_id: str) -> Recommendations:
    value = latest(read_all(settings, RECOMMENDATIONS)).get(user_id.encode())
    nothing = {
        "user_id": user_id,
        "recommendation_id": "none",
        "items": [],
        "policy": "none",
        "factors_version": "none",
        "generated_at": "2026-01-01T00:00:00Z",
        "valid_until": "2026-01-01T00:00:00Z",
    }
    return decode(Recommendations, value) if value else msgspec.convert(nothing, Recommendations)
