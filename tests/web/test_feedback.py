"""Feedback on its way: good events are taken beside bad ones, and what is not answered is kept."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import Route, expect
from web.browsers import visit
from web.test_following import events_of, list_id, wait_for_another_list
from web.test_guard import EVENT, OWN, ask

from workers.telemetry import Health
from workers.web.app import make_app
from workers.web.server import decoder_of, make_site

pytestmark = pytest.mark.integration

BAD = (
    ({"kind": "steal"}, "Invalid enum value"),
    ({"product_id": "nothing"}, "No product “nothing” is on sale"),
    ({"propensity": 2}, "<= 1.0"),
    ({"style_id": "no-such-style"}, "There is no style “no-such-style”"),
)


def post(shop, user_id: str, events: list[dict], language: str = "en") -> tuple[int, dict]:
    """Status and answer of a batch."""
    headers = {**OWN, "Accept-Language": language}
    path = f"/shop/{user_id}/feedback"
    status, _, text = ask(shop.address, "POST", path, headers, json.dumps(events))
    return status, json.loads(text)


def test_one_bad_event_keeps_no_other_back(shop):
    bad = [
        {**EVENT[0], **change, "event_id": f"bad-{number}"}
        for number, (change, _) in enumerate(BAD)
    ]
    good = [{**EVENT[0], "event_id": f"good-{number}"} for number in range(2)]
    status, answer = post(shop, "mixed-ada", [good[0], *bad, good[1]])
    assert (status, answer["taken"]) == (202, 2)
    assert [it["event_id"] for it in answer["refused"]] == [it["event_id"] for it in bad]
    for refusal, (_, why) in zip(answer["refused"], BAD, strict=True):
        assert why in refusal["why"]
    taken = events_of(shop, "mixed-ada", "click")
    assert [event.event_id for event in taken] == ["good-0", "good-1"]


@pytest.mark.parametrize("style_id", ["original", "neon", "pastel"])
def test_styles_of_the_shop_are_taken(shop, style_id):
    event = {**EVENT[0], "event_id": f"of-{style_id}", "style_id": style_id}
    assert post(shop, "styles-ada", [event]) == (202, {"taken": 1, "refused": []})


def test_where_none_is_taken_each_is_refused_by_itself_and_in_the_readers_language(shop):
    bad = [{**EVENT[0], **change} for change, _ in BAD]
    status, answer = post(shop, "none-ada", bad, "zh")
    assert (status, answer["taken"]) == (422, 0)
    assert answer["refused"][1]["why"] == "没有在售商品“nothing”。"
    assert answer["refused"][2]["why"] == "propensity：不得大于 1.0"


def test_nothing_is_judged_before_the_topics_have_been_read(shop):
    post_to = "/shop/ada/feedback"

    async def answers() -> dict[str, httpx.Response]:
        decoder = decoder_of(shop.settings)
        transport = httpx.ASGITransport(make_app(make_site(shop.settings, Health(), decoder)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            found = {path: await client.get(path) for path in ("/", "/enter", "/live", "/ready")}
            found[post_to] = await client.post(post_to, headers=OWN, content=json.dumps(EVENT))
        decoder.close()
        return found

    with ThreadPoolExecutor(1) as beside:  # playwright has a loop in this thread
        found = beside.submit(lambda: asyncio.run(answers())).result()
    assert {path: answer.status_code for path, answer in found.items()} == {
        "/": 503,
        "/enter": 200,
        "/live": 200,
        "/ready": 503,
        post_to: 503,
    }
    assert found[post_to].headers["Retry-After"] == "1"
    assert "Not available right now" in found["/"].text


@pytest.mark.parametrize("status", [401, 403, 404, 413, 422, 503])
def test_what_was_not_judged_is_kept_and_sent_again(shop, browser, status):
    refusals = []

    def refuse_twice(route: Route) -> None:
        refusals.append(route.request.url)
        if len(refusals) > 2:
            route.continue_()
        else:
            route.fulfill(status=status, body="somebody in between says no")

    user_id = f"kept-{status}"
    with visit(browser, f"{shop.address}/shop/{user_id}") as seen:
        seen.page.route("**/feedback", refuse_twice)
        seen.page.get_by_role("button", name="Add to cart").first.click()
        expect(seen.page.locator(".told")).to_have_text("Not sent yet; trying again.")
        with seen.page.expect_response(lambda it: it.status == 202):
            pass
        assert len(events_of(shop, user_id, "cart")) == 1


def test_the_page_drops_what_was_refused_and_nothing_else(shop, browser):
    shop.make_known("drops-ada")
    with visit(browser, f"{shop.address}/shop/drops-ada") as seen:
        page, before = seen.page, list_id(seen.page)
        with (
            page.expect_console_message(lambda it: "No product" in it.text),
            page.expect_request("**/feedback") as first,
        ):
            page.evaluate(
                """() => {
                    document.querySelector('.item [name="product_id"]').value = "nothing";
                    const buttons = document.querySelectorAll('.item button[value="cart"]');
                    for (const button of [...buttons].slice(0, 2)) button.click();
                }"""
            )
        assert len(first.value.post_data_json) == 2
        wait_for_another_list(page, before)
        assert len(events_of(shop, "drops-ada", "cart")) == 1
        with page.expect_request("**/feedback") as second:
            page.get_by_role("button", name="Add to cart").last.click()
        ids = [{it["event_id"] for it in sent.value.post_data_json} for sent in (first, second)]
        assert ids[0].isdisjoint(ids[1])
