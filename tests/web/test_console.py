"""The console: what it counts is what the topics say, and what it writes are events."""

import io
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from helpers import wait_until
from integration.shop import latest, read_all
from PIL import Image
from playwright.sync_api import expect
from web.browsers import visit
from web.test_guard import OWN, ask

from schemas.codec import decode
from schemas.events import Feedback, Style, StyleDemand
from schemas.topics import DEMAND, FEEDBACK, PRODUCTS, STYLES
from stylecore.storage.store import Store
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.web.counts import wilson
from workers.web.mixer import Allowance

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FORM = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}


def picture_bytes(kind: str = "PNG") -> bytes:
    """A small picture of two colours."""
    picture = Image.new("RGB", (80, 80), "#0a3d62")
    picture.paste("#f8efba", (0, 0, 40, 80))
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def post_file(address: str, path: str, data: bytes, name: str = "reference", **fields: str):
    """Status and text of a form with a file, as a browser sends it."""
    parts = [f'name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()]
    file = f'name="{name}"; filename="r.png"\r\nContent-Type: image/png\r\n\r\n'.encode() + data
    body = b"".join(
        b"--edge\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in [*parts, file]
    )
    headers = {**OWN, "Content-Type": "multipart/form-data; boundary=edge"}
    status, _, text = ask(address, "POST", path, headers, body + b"--edge--\r\n")
    return status, text


def preview_of(shop, headers: dict[str, str], fields: dict[str, str]) -> tuple[int, bytes]:
    """Status and bytes of a preview."""
    request = urllib.request.Request(
        f"{shop.address}/console/preview", urlencode(fields).encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, b""


def styles_of(shop) -> dict[str, Style]:
    """The merchandisers' styles, as their topic has them."""
    table = latest(read_all(shop.settings, STYLES))
    return {key.decode(): decode(Style, value) for key, value in table.items()}


@pytest.mark.parametrize(
    ("hits", "trials", "interval"),
    [(10, 100, (0.0552, 0.1744)), (0, 10, (0.0, 0.2775)), (5, 5, (0.5655, 1.0))],
)
def test_the_interval_is_wilsons(hits, trials, interval):
    """Against the values that statsmodels' proportion_confint(method='wilson') gives."""
    rate = wilson(hits, trials)
    assert (rate.low, rate.high) == pytest.approx(interval, abs=1e-4)
    assert rate.low <= rate.share <= rate.high
    assert wilson(0, 0) is None


def test_a_style_shows_its_swatch_coverage_and_rate_of_what_was_seen(shop, browser):
    seen = [("impression", "r"), ("impression", "r"), ("click", "r"), ("click", None)]
    with Publisher(shop.settings, "/test") as publisher:
        style = Style(style_id="lacquer", label="Lacquer", weights={"neon": 1})
        publisher.send(STYLES, style, NOW)
        for number, (kind, list_id) in enumerate(seen):
            event = Feedback(
                event_id=f"console-{number}",
                user_id="console-ada",
                kind=kind,
                product_id=shop.products[0].product_id,
                style_id="lacquer",
                recommendation_id=list_id,
                occurred_at=NOW,
            )
            publisher.send(FEEDBACK, event, NOW)
    wait_until(lambda: "50.0 %" in shop.get("/console").decode())
    with visit(browser, f"{shop.address}/console") as console:
        row = console.page.get_by_role("row", name="Lacquer")
        expect(row).to_contain_text("0 / 12")
        expect(row).to_contain_text("9.5 to 90.5 %")
        expect(row.locator(".number")).to_have_text(["2", "1"])
        neon = console.page.get_by_role("row", name="Neon neon")
        expect(neon).to_contain_text("12 / 12")
        swatch = neon.locator("img")
        expect(swatch).to_have_js_property("complete", True)
        assert swatch.evaluate("it => it.naturalWidth") > 0


def test_a_rejected_picture_is_shown_with_the_figure_that_failed(shop, browser):
    with visit(browser, f"{shop.address}/console/rejected") as console:
        item = console.page.locator(".rejected").first
        expect(item).to_contain_text(shop.products[0].title)
        expect(item).to_contain_text("Structure 0.41, at least 0.55 is needed")
        assert item.locator("img").evaluate("it => it.decode().then(() => it.naturalWidth)") > 0


def test_dead_letters_and_waiting_demand_are_listed(shop):
    product = shop.products[1]
    with Publisher(shop.settings, "/test") as publisher:
        wanted = StyleDemand(
            product_id=product.product_id,
            style_id="van-gogh",
            wanted=17,
            window_start=NOW,
            window_end=NOW + timedelta(seconds=10),
        )
        publisher.send(DEMAND, wanted, NOW)
        unknown = Feedback(
            event_id="lost-1",
            user_id="lost-soul",
            kind="click",
            product_id="no-such-thing",
            occurred_at=NOW,
        )
        publisher.send(FEEDBACK, unknown, NOW)
    wait_until(lambda: "lost-soul" in shop.get("/console/dead-letters").decode())
    letters = shop.get("/console/dead-letters").decode()
    assert "UnknownProduct" in letters
    assert "feedback.events.v1.dlq" in letters
    demand = shop.get("/console/demand").decode()
    assert product.title in demand
    assert "Van Gogh" in demand
    assert ">17<" in demand


def test_the_mixer_draws_what_the_knobs_say_and_publishes_it(shop, browser):
    with visit(browser, f"{shop.address}/console/mixer") as console:
        page = console.page
        preview = page.locator("#preview")
        expect(preview).to_be_visible(timeout=60_000)
        first = preview.get_attribute("src")
        page.locator('[name="share.neon"]').fill("100")
        expect(preview).not_to_have_attribute("src", first, timeout=30_000)
        page.locator('[name="share.ink-line"]').fill("0")
        page.locator('[name="strength"]').fill("80")
        page.locator('[name="seed"]').fill("7")
        page.get_by_label("Around the product").select_option("scene:podium")
        page.get_by_label("Format of a scene").select_option("4:5")
        expect(preview).to_have_js_property("naturalHeight", 320, timeout=30_000)
        page.locator('[name="product_strength"]').fill("20")
        page.locator('[name="label"]').fill("Night Water")
        expect(page.locator('[name="style_id"]')).to_have_value("night-water")
        page.get_by_role("button", name="Publish").click()
        expect(page.get_by_role("status")).to_contain_text("night-water is published")
        assert console.problems == []
    style = styles_of(shop)["night-water"]
    assert style.label == "Night Water"
    assert style.weights == pytest.approx({"watercolour": 0.375, "neon": 0.625})
    assert (style.strength, style.seed, style.campaign) == (0.8, 7, None)
    assert (style.ground, style.aspect, style.product_strength) == ("scene", "4:5", 0.2)
    assert (style.scene.backdrop, style.scene.seed) == ("podium", 7)


def test_a_form_filled_in_before_its_script_has_come_says_the_same(shop, browser):
    held = []

    def hold(route):  # Playwright takes no built-in method
        held.append(route)

    with visit(browser, f"{shop.address}/console/demand") as console:
        page = console.page
        page.route("**/static/console.js", hold)
        page.goto(f"{shop.address}/console/mixer", wait_until="commit")
        strength = page.get_by_label("Strength")
        strength.fill("80")
        page.locator('[name="label"]').fill("Night Water")
        expect(strength.locator("+ output")).to_have_text("100")
        held.pop().continue_()
        expect(strength.locator("+ output")).to_have_text("80")
        expect(page.locator('[name="style_id"]')).to_have_value("night-water")


def test_a_picture_becomes_a_style_and_lies_in_the_store_under_its_own_sha256(shop):
    data = picture_bytes()
    fields = {"style_id": "poster", "label": "Poster", "palette": "#0a3d62,#f8efba"}
    status, _ = post_file(shop.address, "/console/styles", data, **fields)
    assert status == 303
    style = styles_of(shop)["poster"]
    assert "/uploads/" in style.reference_uri
    assert Store(shop.settings.store.uri).get(style.reference_uri) == data
    assert (style.weights, style.palette) == (None, ["#0a3d62", "#f8efba"])

    status, text = post_file(shop.address, "/console/uploads", data)
    assert (status, json.loads(text)["reference_uri"]) == (201, style.reference_uri)
    tried = {"product": shop.products[0].product_id, "reference_uri": style.reference_uri}
    accept = {**FORM, "Accept": "image/webp"}
    wait_until(lambda: preview_of(shop, accept, tried)[0] == 200, 60)
    picture = Image.open(io.BytesIO(preview_of(shop, accept, tried)[1]))
    assert (picture.format, min(picture.size)) == ("WEBP", 256)


def test_a_campaign_has_a_window_categories_and_a_priority(shop):
    fields = {
        "style_id": "winter",
        "label": "Winter",
        "share.pastel": "50",
        "starts_at": "2026-12-01T09:00",
        "ends_at": "2026-12-24T18:00",
        "priority": "5",
        "categories": "mugs, vases",
    }
    assert ask(shop.address, "POST", "/console/styles", FORM, urlencode(fields))[0] == 303
    style = styles_of(shop)["winter"]
    assert style.campaign.starts_at == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert (style.campaign.priority, style.categories) == (5, ["mugs", "vases"])


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"style_id": "neon", "label": "Mine", "share.neon": "1"}, "the generator&#39;s own"),
        ({"style_id": "a/b", "label": "Mine", "share.neon": "1"}, "an id of"),
        ({"style_id": "mine", "label": "", "share.neon": "1"}, "length &gt;= 1"),
        ({"style_id": "mine", "label": "Mine"}, "at least one style"),
        ({"style_id": "mine", "label": "Mine", "share.neon": "much"}, "no number"),
        ({"style_id": "mine", "label": "Mine", "share.neon": "nan"}, "no number"),
        ({"style_id": "mine", "label": "Mine", "share.neon": "1", "palette": "red"}, "no colour"),
        ({"style_id": "mine", "label": "Mine", "reference_uri": "file:///etc/passwd"}, "uploaded"),
        (
            {
                "style_id": "mine",
                "label": "Mine",
                "share.neon": "1",
                "starts_at": "2026-12-01T09:00",
            },
            "both times",
        ),
    ],
)
def test_what_is_no_style_is_refused_with_the_reason(shop, fields, why):
    status, _, text = ask(shop.address, "POST", "/console/styles", FORM, urlencode(fields))
    assert status == 422
    assert why in text
    assert "mine" not in styles_of(shop)


@pytest.mark.parametrize("data", [b"", b"no picture at all", picture_bytes()[:60]])
def test_what_is_no_picture_is_not_stored(shop, data):
    status, _ = post_file(shop.address, "/console/uploads", data)
    assert status == 422


def test_previews_are_few_enough_a_minute(shop):
    fields = {"product": shop.products[0].product_id, "share.neon": "1"}
    with ThreadPoolExecutor(14) as executor:
        asked = [executor.submit(preview_of, shop, FORM, fields) for _ in range(14)]
        statuses = [answer.result()[0] for answer in asked]
    assert set(statuses) == {200, 429}


def test_the_allowance_fills_up_again():
    now = [0.0]
    allowance = Allowance(60, lambda: now[0])
    assert [allowance.take() for _ in range(11)] == [True] * 10 + [False]
    now[0] = 2.5
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] = 1000.0
    assert sum(allowance.take() for _ in range(20)) == 10


def test_a_product_taken_off_sale_is_gone_from_every_page(shop):
    gone = shop.products[-1]
    assert shop.get(f"/shop/ada/products/{gone.product_id}")
    with Publisher(shop.settings, "/test") as publisher:
        publisher.send_raw(tombstone(shop.settings, PRODUCTS, gone.product_id.encode()))
    wait_until(lambda: f'data-item="{gone.product_id}/' not in shop.get("/shop/gone-ada").decode())
    assert ask(shop.address, "GET", f"/shop/ada/products/{gone.product_id}")[0] == 404
    with Publisher(shop.settings, "/test") as publisher:
        publisher.send(PRODUCTS, gone, NOW)
