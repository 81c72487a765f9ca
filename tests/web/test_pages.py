"""Every page, in every form that people use: it opens, it is light, nobody is kept out."""

import pytest
from playwright.sync_api import expect
from web.browsers import keep_picture, visit

pytestmark = pytest.mark.integration

PAGES = {
    "home": "/",
    "shop": "/shop/pages-ada",
    "product": "/shop/pages-ada/products/mug-harbour?style=neon",
    "together": "/together?left=pages-ada&right=pages-ben",
    "enter": "/enter",
    "scenarios": "/console/scenarios",
    "styles": "/console",
    "products": "/console/products",
    "posters": "/console/posters?headline=Slow+mornings&price=%2424.90",
    "mixer": "/console/mixer",
    "rejected": "/console/rejected",
    "letters": "/console/dead-letters",
    "demand": "/console/demand",
    "developers": "/developers",
    "nothing": "/nothing",
}
DESK = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True}
FORMS = {
    "desk": DESK,
    "phone-dark": {**PHONE, "color_scheme": "dark"},
    "phone-chinese": {**PHONE, "locale": "zh-CN"},
}
PAGE_BYTES = 100_000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_is_light_and_keeps_nobody_out(shop, browser, tmp_path, name, form):
    with visit(browser, shop.address + PAGES[name], **FORMS[form]) as seen:
        seen.page.wait_for_load_state("load")
        keep_picture(seen.page, f"{name}-{form}", tmp_path)
        assert seen.serious() == []
        assert seen.bytes_without_pictures < PAGE_BYTES
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= FORMS[form]["viewport"]["width"], "it scrolls sideways"
        assert seen.problems == ([] if name != "nothing" else seen.problems[:1])


def test_pictures_are_small_new_and_come_when_they_are_near(shop, browser):
    with visit(browser, f"{shop.address}/shop/pages-new", **PHONE) as seen:
        seen.page.wait_for_load_state("load")
        pictures = [it for it in seen.loaded if it.request.resource_type == "image" and it.ok]
        shown = [it for it in pictures if "/pictures/" in it.url]
        assert {it.headers["content-type"] for it in shown} == {"image/avif"}
        assert all("immutable" in it.headers["cache-control"] for it in shown)
        assert max(len(it.body()) for it in shown) < 30_000
        items = seen.page.locator(".item")
        assert len(shown) < items.count(), "those far below are not loaded yet"
        items.last.scroll_into_view_if_needed()
        image = items.last.locator("img")
        expect(image).to_have_js_property("complete", True)
        assert "w=320" in image.evaluate("it => it.currentSrc"), "twice the 160 points of its place"


def test_who_takes_no_avif_gets_webp_or_jpeg(shop, browser):
    import urllib.request

    path = f"/pictures/{shop.products[0].product_id}/neon?w=320"
    for accept, wanted in (("image/webp,*/*", "image/webp"), ("*/*", "image/jpeg")):
        request = urllib.request.Request(shop.address + path, headers={"Accept": accept})
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Content-Type"] == wanted


def test_the_language_is_the_browsers_until_it_is_switched(shop, browser):
    with visit(browser, f"{shop.address}/shop/pages-ada", locale="zh-CN") as seen:
        expect(seen.page.locator("html")).to_have_attribute("lang", "zh")
        expect(seen.page.get_by_role("heading", level=1)).to_have_text("pages-ada 的商店")
        seen.page.get_by_role("link", name="English").click()
        expect(seen.page.locator("html")).to_have_attribute("lang", "en")
        seen.page.goto(f"{shop.address}/")
        expect(seen.page.get_by_role("heading", level=1)).to_have_text("Whose shop?")


def test_both_languages_have_all_words():
    from workers.web.templates import words_of

    english, chinese = (set(words_of(code)._entries) for code in ("en", "zh"))
    own = ("why.", "detail.")  # English is the text of topics and contracts themselves
    assert {key for key in chinese if not key.startswith(own)} == english
