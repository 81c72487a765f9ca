"""An input topic that is deleted and created again is read from its new beginning."""

from datetime import UTC, datetime

import pytest
from helpers import wait_until
from integration.shop import PARTITIONS, click, latest, publish_products, read_all, shop_fleet

from schemas.codec import decode
from schemas.events import UserState
from schemas.topics import FEEDBACK, USER_STATES
from workers.kafka.admin import admin_client
from workers.kafka.producer import Publisher
from workers.kafka.topics import apply_topics, topic_name

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]


def test_feedback_that_is_created_again_counts_though_its_offsets_begin_again(
    settings, environment, tmp_path
):
    (product,) = publish_products(settings, 1)

    def send(*numbers: int) -> None:
        with Publisher(settings, "/test") as publisher:
            for number in numbers:
                publisher.send(FEEDBACK, click(number, "ann", product), datetime.now(UTC))

    def seen() -> list[str]:
        value = latest(read_all(settings, USER_STATES)).get(b"ann")
        return [it.event_id for it in decode(UserState, value).recent_events] if value else []

    with shop_fleet(settings, environment, tmp_path) as fleet:
        fleet.start("preferences")
        send(*range(5))
        wait_until(lambda: len(seen()) == 5, 60)

        admin = admin_client(settings)
        name = topic_name(settings, FEEDBACK)
        admin.delete_topics([name])[name].result(30)
        wait_until(lambda: name not in admin.list_topics(timeout=30).topics, 30)
        wait_until(lambda: name in apply_topics(settings, PARTITIONS), 30)
        send(7)
        wait_until(lambda: len(seen()) == 6, 120)
        log = tmp_path / "logs" / "preferences.log"
        wait_until(lambda: f"{name} was deleted and created again" in log.read_text(), 60)
        send(8)
        wait_until(lambda: len(seen()) == 7, 120)
        fleet.require_running()
