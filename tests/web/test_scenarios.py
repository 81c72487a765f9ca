"""Every scenario is walked through by clicking, and what is clicked is an event on a topic."""

import io
import re

import pytest
from helpers import wait_until
from integration.shop import latest, read_all
from PIL import Image
from playwright.sync_api import expect
from poster_scenes import logo_file
from web.browsers import keep_picture, visit
from web.test_console import FORM, picture_bytes, post_file, styles_of
from web.test_guard import ask
from web.test_pages import DESK, PHONE

from schemas.codec import decode
from schemas.events import PosterRequest, Product, StyleDemand
from schemas.topics import DEMAND, POSTER_REQUESTS, PRODUCTS
from stylecore.storage.store import Store
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone

pytestmark = pytest.mark.integration

STATES = {
    "A shelf of one's own": "shoppers with a list of their own",
    "Side by side": "pictures in a style",
    "A new product": "styles drawn",
    "A campaign": "campaign|is planned|runs",
    "An ad poster": "impossible",
    "A brand": "colours of their own",
    "A classic work as a style": "pic|drawn so far",
    "Demand": "wait",
}


def picture_file(name: str, data: bytes) -> dict[str, object]:
    """A file as a person chooses it."""
    return {"name": name, "mimeType": "image/png", "buffer": data}


def table_of(shop, topic) -> dict[str, object]:
    """A compacted topic's events by key."""
    table = latest(read_all(shop.settings, topic))
    return {key.decode(): decode(topic.event, value) for key, value in table.items()}


def test_every_scenario_says_how_it_stands_and_leads_to_where_it_is_done(shop, browser):
    with visit(browser, f"{shop.address}/console/scenarios") as seen:
        page = seen.page
        for name, state in STATES.items():
            section = page.get_by_role("region", name=name)
            expect(section.locator(".state")).to_contain_text(re.compile(state, re.IGNORECASE))
        links = page.locator("section a").evaluate_all("them => them.map(it => it.href)")
        assert len(links) >= 2 + len(STATES)
        for link in links:
            assert page.goto(link).status == 200
        assert seen.problems == []


def test_a_product_is_published_with_its_photo_and_is_on_sale_at_once(shop, browser, tmp_path):
    data = picture_bytes()
    try:
        with visit(browser, f"{shop.address}/console/products") as seen:
            page = seen.page
            page.get_by_label("Photo").set_input_files(picture_file("tile.png", data))
            page.get_by_label("Title").fill("Blue Tile")
            expect(page.get_by_label("Its id")).to_have_value("blue-tile")
            page.get_by_label("Category").fill("tiles")
            page.get_by_role("button", name="Publish").click()
            expect(page.get_by_role("status").first).to_contain_text("blue-tile is published")
            item = page.locator("#live .item", has_text="Blue Tile")
            expect(item).to_contain_text("Styles drawn: 0.")
            keep_picture(page, "product-published", tmp_path)
            item.locator("a").first.click()
            expect(page.get_by_role("heading", name="Blue Tile")).to_be_visible()
            assert seen.problems == []
        product = table_of(shop, PRODUCTS)["blue-tile"]
        assert isinstance(product, Product)
        assert "/uploads/" in product.image_uri
        assert Store(shop.settings.store.uri).get(product.image_uri) == data
    finally:
        with Publisher(shop.settings, "/test") as publisher:
            publisher.send_raw(tombstone(shop.settings, PRODUCTS, b"blue-tile"))
    wait_until(lambda: ask(shop.address, "GET", "/shop/x/products/blue-tile")[0] == 404)


@pytest.mark.parametrize(
    ("data", "fields", "why"),
    [
        (picture_bytes(), {"product_id": "mug-harbour"}, "is on sale already"),
        (picture_bytes(), {"product_id": "a/b"}, "an id of"),
        (picture_bytes(), {"product_id": "new", "title": " "}, "needs a title"),
        (b"no picture", {"product_id": "new"}, "no readable photo"),
    ],
)
def test_what_is_no_new_product_is_refused_with_the_reason(shop, data, fields, why):
    given = {"title": "New", "category": "tiles", **fields}
    status, text = post_file(shop.address, "/console/products", data, "photo", **given)
    assert (status, why in text) == (422, True)
    assert ask(shop.address, "POST", "/console/products", FORM, "product_id=new&title=x")[0] == 422
    assert "new" not in table_of(shop, PRODUCTS)


def test_a_poster_waits_comes_by_itself_or_says_why_it_cannot(shop, browser, tmp_path):
    palette = "#0a3d62, #f8efba"
    with visit(browser, f"{shop.address}/console/posters?headline=Slow+mornings") as seen:
        page = seen.page
        for style in ("Neon", "Van Gogh"):
            page.get_by_label("Product").select_option(shop.products[0].product_id)
            page.get_by_label("Style").select_option(label=style)
            page.get_by_label("Headline").fill(f"Slow mornings in {style}")
            page.get_by_label("Price").fill("$24.90")
            page.get_by_label("Palette").fill(palette)
            page.get_by_label("Logo").set_input_files(picture_file("logo.png", logo_file()))
            page.get_by_label("1080 × 1920").uncheck()
            page.get_by_role("button", name="Order").click()
            waiting = page.locator(".poster.waiting", has_text=style)
            expect(waiting).to_contain_text("Waiting for the posters worker")
        keep_picture(page, "posters-waiting", tmp_path)
        shop.fleet.start("posters")
        refused = page.locator(".poster.refused", has_text="Van Gogh")
        expect(refused).to_contain_text("there is no render", timeout=90_000)
        made = page.locator(".poster.rendered", has_text="Neon")
        expect(made.locator("img")).to_have_count(2, timeout=90_000)
        expect(page.locator(".told")).to_have_text("Everything that was ordered is there.")
        for picture in made.locator("img").all():
            assert picture.evaluate("it => it.decode().then(() => it.naturalWidth)") > 0
        assert seen.serious() == []
        for name, form in (("desk", DESK), ("phone", PHONE)):
            page.set_viewport_size(form["viewport"])
            made.scroll_into_view_if_needed()
            keep_picture(page, f"posters-made-{name}", tmp_path)
        address = made.locator("a").first.get_attribute("href")
        assert seen.problems == []
    composed = Image.open(io.BytesIO(shop.get(address)))
    assert (composed.format, composed.size) == ("PNG", (1080, 1080))
    assert "无法制作：" in ask(shop.address, "GET", "/console/posters?lang=zh")[2]
    requests = table_of(shop, POSTER_REQUESTS).values()
    wanted = next(it for it in requests if it.style_id == "neon")
    assert isinstance(wanted, PosterRequest)
    assert (wanted.sizes, wanted.palette) == (["1080x1080", "1200x628"], ["#0a3d62", "#f8efba"])
    assert Store(shop.settings.store.uri).get(wanted.logo_uri) == logo_file()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"product_id": "nothing"}, "No product"),
        ({"headline": " "}, "needs a headline"),
        ({"size.1080x1080": ""}, "an id of"),
        ({"palette": "red"}, "no colour"),
        ({"price": "x" * 41}, "length &lt;= 40"),
    ],
)
def test_what_is_no_poster_is_refused_with_the_reason(shop, fields, why):
    given = {
        "product_id": shop.products[0].product_id,
        "style_id": "a/b" if why == "an id of" else "neon",
        "headline": "Slow mornings",
        "size.1080x1080": "1",
        **fields,
    }
    status, text = post_file(shop.address, "/console/posters", logo_file(), "logo", **given)
    assert (status, why in text) == (422, True)


def test_a_logo_that_is_none_and_a_poster_without_a_size_are_refused(shop):
    given = {"product_id": shop.products[0].product_id, "style_id": "neon", "headline": "Slow"}
    status, text = post_file(shop.address, "/console/posters", b"no logo", "logo", **given)
    assert (status, "no readable PNG" in text) == (422, True)
    status, text = post_file(shop.address, "/console/posters", logo_file(), "logo", **given)
    assert (status, "at least one size" in text) == (422, True)


def test_a_campaign_is_prepared_seen_in_its_window_and_withdrawn(shop, browser, tmp_path):
    with visit(browser, f"{shop.address}/console/scenarios") as seen:
        page = seen.page
        page.get_by_role("link", name="Prepare a campaign").click()
        strength = page.get_by_label("Strength")
        strength.fill("80")
        expect(strength.locator("+ output")).to_have_text("80")
        expect(page.get_by_label("Neon").locator("+ output")).to_have_text("70")
        style_id = page.locator('[name="style_id"]').input_value()
        page.get_by_role("button", name="Publish").click()
        row = page.get_by_role("row", name=style_id)
        expect(row).to_contain_text("planned")
        keep_picture(page, "campaign-planned", tmp_path)
        style = styles_of(shop)[style_id]
        assert (style.label, style.strength) == ("Festival of lights", 0.8)
        assert style.campaign.priority == 50

        page.goto(f"{shop.address}/console/scenarios")
        campaign = page.get_by_role("region", name="A campaign").locator(".state")
        expect(campaign).to_contain_text("Festival of lights is planned from")
        page.goto(f"{shop.address}/console")
        row.get_by_text("Withdraw", exact=True).click()
        row.get_by_role("button", name="Withdraw the style Festival of lights").click()
        expect(page.get_by_role("status")).to_contain_text(f"{style_id} is withdrawn")
        wait_until(lambda: style_id not in shop.get("/console?").decode())
        assert style_id not in styles_of(shop)
        assert seen.problems == []


def test_only_a_merchandisers_style_can_be_withdrawn(shop):
    status, _, text = ask(shop.address, "POST", "/console/styles/withdraw", FORM, "style_id=neon")
    assert (status, "There is no style “neon”" in text) == (422, True)


def test_demand_that_the_gate_rejected_is_marked(shop, browser):
    from web.shop import NOW

    with Publisher(shop.settings, "/test") as publisher:
        for product in shop.products[:2]:
            wanted = StyleDemand(
                product_id=product.product_id,
                style_id="pastel",
                wanted=3,
                window_start=NOW,
                window_end=NOW,
            )
            publisher.send(DEMAND, wanted, NOW)
    with visit(browser, f"{shop.address}/console/demand") as seen:
        rows = [
            seen.page.get_by_role("row", name=f"{it.product_id} Pastel") for it in shop.products
        ]
        wait_until(lambda: seen.page.reload() and rows[0].count() and rows[1].count())
        expect(rows[0]).to_contain_text("drawn and rejected")
        expect(rows[1]).not_to_contain_text("drawn and rejected")
