"""Several instances behind one address: one tells, another answers, and one may lag behind."""

import json

import pytest
from playwright.sync_api import Route, expect
from web.browsers import visit
from web.shop import instance
from web.test_following import list_id, wait_for_another_list
from web.test_guard import EVENT, OWN, ask

pytestmark = pytest.mark.integration


def test_what_is_posted_to_one_instance_is_seen_by_those_who_watch_another(shop, browser):
    with instance(shop.settings) as other, visit(browser, f"{other}/shop/both-ada") as seen:
        before = list_id(seen.page)
        event = [{**EVENT[0], "event_id": "both-1"}]
        path = "/shop/both-ada/feedback"
        assert ask(shop.address, "POST", path, OWN, json.dumps(event))[0] == 202
        wait_for_another_list(seen.page, before)
        assert list_id(seen.page) == shop.list_of("both-ada")["recommendation_id"]


def test_an_older_shelf_of_an_instance_that_lags_is_not_taken(shop, browser):
    """The first answers are of before the click, and one fails: then comes the shelf."""
    shop.make_known("lag-ada")
    with visit(browser, f"{shop.address}/shop/lag-ada") as seen:
        page, before = seen.page, list_id(seen.page)
        old = shop.get("/shop/lag-ada/shelf?most=200").decode()
        asked = []

        def lag(route: Route) -> None:
            asked.append(route.request.url)
            if len(asked) == 2:
                route.abort()
            elif len(asked) < 4:
                route.fulfill(status=200, body=old, content_type="text/html")
            else:
                route.continue_()

        page.route("**/shelf?*", lag)
        page.get_by_role("button", name="Add to cart").first.click()
        wait_for_another_list(page, before)
        assert len(asked) >= 4
        assert list_id(page) == shop.list_of("lag-ada")["recommendation_id"]


def test_who_always_lags_is_asked_a_bounded_number_of_times(shop, browser):
    shop.make_known("never-ada")
    with visit(browser, f"{shop.address}/") as seen:
        page, asked = seen.page, []
        page.clock.install()
        page.goto(f"{shop.address}/shop/never-ada")

        def fail(route: Route) -> None:
            asked.append(route.request.url)
            route.fulfill(status=503, body="")

        page.route("**/shelf?*", fail)
        before = list_id(page)
        page.get_by_role("button", name="Add to cart").first.click()
        for _ in range(30):
            page.clock.run_for(3000)
            page.wait_for_timeout(50)
        assert len(asked) == 7
        assert list_id(page) == before


def test_a_stream_that_was_refused_is_opened_again(shop, browser):
    """As while an instance starts: browsers give a stream up that answers anything but 200."""
    refused = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, body="")

    with visit(browser, f"{shop.address}/") as seen:
        seen.page.route("**/changes", refuse_once)
        seen.page.goto(f"{shop.address}/shop/again-ada")
        before = list_id(seen.page)
        seen.page.get_by_role("button", name="Add to cart").first.click()
        wait_for_another_list(seen.page, before)
        expect(seen.page.locator(".told")).to_contain_text("The shelf follows")
    assert refused
