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

WAITING = "Not sent yet; trying again."


def test_two_browsers_click_while_the_broker_restarts_and_both_follow(browser, tmp_path):
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
            visit(browser, f"{shop.address}/shop/ada") as here,
            visit(browser, f"{shop.address}/shop/ada") as there,
        ):
            pages = (here.page, there.page)
            before = [list_id(page) for page in pages]
            pages[0].get_by_role("button", name="Add to cart").first.click()
            for page, old in zip(pages, before, strict=True):
                wait_for_another_list(page, old)
            before = [list_id(page) for page in pages]

            broker.stop()
            for place, page in enumerate(pages):
                page.locator(".item").nth(place).locator("[data-click]").first.click()
            for page in pages:
                expect(page.locator(".told")).to_have_text(WAITING, timeout=60_000)
                assert shop.get("/shop/ada"), "the shop stays open"
            broker.start()
            for page, old in zip(pages, before, strict=True):
                expect(page.locator(".told")).not_to_have_text(WAITING, timeout=60_000)
                wait_for_another_list(page, old)
            wait_until(
                lambda: len(event_ids(shop, "click")) == 2 and both_show_the_latest(shop, pages),
                90,
            )
            assert len(event_ids(shop, "cart")) == 1
            shop.fleet.require_running()


def event_ids(shop, kind: str) -> set[str]:
    """Of what the shopper did; what was sent again counts once."""
    return {event.event_id for event in events_of(shop, "ada", kind)}


def both_show_the_latest(shop, pages) -> bool:
    """Whether both show the list that is there now; the pages go on meanwhile."""
    for page in pages:
        page.wait_for_timeout(50)
    return {list_id(page) for page in pages} == {shop.list_of("ada")["recommendation_id"]}
