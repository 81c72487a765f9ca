"""While Kafka is away the shop stays open; what was clicked meanwhile counts once, afterwards."""

import pytest
from helpers import wait_until
from playwright.sync_api import expect
from web.browsers import visit
from web.shop import open_shop
from web.test_following import events_of, list_id, wait_for_another_list

from workers.broker import local_broker
from workers.settings import load_settings

pytestmark = pytest.mark.integration


def test_a_click_during_a_restart_of_the_broker_is_not_lost_and_the_shelf_follows(
    browser, tmp_path
):
    with local_broker() as broker:
        settings = load_settings(
            kafka={"bootstrap_servers": broker.bootstrap_servers},
            store={"uri": str(tmp_path / "store")},
        )
        environment = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "STYLECAST_STORE__URI": settings.store.uri,
            "STYLECAST_WORKER__INSTANCE": "test",
        }
        with (
            open_shop(settings, environment, tmp_path, count=4) as shop,
            visit(browser, f"{shop.address}/shop/ada") as seen,
        ):
            page, before = seen.page, list_id(seen.page)
            broker.stop()
            page.locator("[data-click]").first.click()
            expect(page.locator(".told")).to_have_text(
                "Not sent yet; trying again.", timeout=20_000
            )
            assert shop.get("/shop/ada"), "the shop stays open"
            broker.start()
            expect(page.locator(".told")).not_to_have_text(
                "Not sent yet; trying again.", timeout=60_000
            )
            wait_for_another_list(page, before)
            wait_until(lambda: len({it.event_id for it in events_of(shop, "ada", "click")}) == 1)
            assert shop.list_of("ada")["user_id"] == "ada"
            shop.fleet.require_running()
