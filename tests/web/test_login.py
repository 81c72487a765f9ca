"""The door and what is behind it: no empty token, few guesses a minute, nothing kept for all."""

import re
import urllib.request

import pytest
from web.shop import instance
from web.test_guard import OWN, ask

from stylecore.errors import SettingsError
from workers.settings import load_settings
from workers.web.pictures import version_of
from workers.web.security import ADDRESSES_KEPT, MOST, SECONDS, Attempts

pytestmark = pytest.mark.integration

TOKEN = "let me in"
FORM = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}


def test_an_empty_token_is_refused_and_opens_nothing(monkeypatch):
    monkeypatch.setenv("STYLECAST_WEB__TOKEN", "")
    with pytest.raises(SettingsError, match="STYLECAST_WEB__TOKEN"):
        load_settings()
    with pytest.raises(SettingsError, match="STYLECAST_WEB__TOKEN"):
        load_settings(web={"host": "0.0.0.0", "token": ""})


def cache_control(address: str, path: str, headers: dict[str, str]) -> str:
    """For how long, and by whom, what lies at a path may be kept."""
    request = urllib.request.Request(address + path, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Cache-Control"]


def test_behind_a_token_pictures_are_kept_by_their_reader_alone(shop):
    product = shop.products[0]
    version = version_of(product.image_uri)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with instance(shop.settings, token=TOKEN) as address:
        for path in (f"/pictures/{product.product_id}/original?v={version}", "/swatches/neon"):
            assert cache_control(shop.address, path, {}).startswith("public, max-age=")
            assert cache_control(address, path, bearer).startswith("private, max-age=")


def test_the_token_can_be_guessed_so_often_a_minute(shop):
    with instance(shop.settings, token=TOKEN) as address:
        for _ in range(MOST):
            assert ask(address, "POST", "/enter", FORM, "token=guess")[0] == 401
        status, headers, text = ask(address, "POST", "/enter", FORM, "token=let+me+in")
        assert status == 429
        assert "Too many wrong tokens" in text
        assert 0 < int(headers["Retry-After"]) <= SECONDS


def test_wrong_tokens_are_counted_by_address_and_forgotten():
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for second in range(MOST):
        now[0] = float(second)
        assert attempts.seconds_to_wait("192.0.2.1") == 0
        attempts.fail("192.0.2.1")
        attempts.fail(f"2001:db8::{second}")
    assert attempts.seconds_to_wait("192.0.2.1") == SECONDS - MOST + 1
    assert attempts.seconds_to_wait("192.0.2.2") == 0
    assert attempts.seconds_to_wait("2001:db8::ffff") > 0, "of the same network"
    now[0] = SECONDS
    assert attempts.seconds_to_wait("192.0.2.1") == 0
    for number in range(ADDRESSES_KEPT):
        attempts.fail(f"somebody {number}")
    assert len(attempts._failed) == ADDRESSES_KEPT


@pytest.mark.parametrize("path", ["//evil.example/x", "//evil.example/x?next=//evil.example"])
def test_the_links_to_other_languages_stay_here(shop, path):
    text = ask(shop.address, "GET", path)[2]
    links = re.findall(r'href="([^"]*lang=[^"]*)"', text)
    assert len(links) == 2
    assert all(link.startswith("?") for link in links)


@pytest.mark.parametrize("names", ["left=a/b&right=x", "left=x&right=*", f"left={'x' * 201}"])
def test_a_name_that_can_be_none_is_refused(shop, names):
    status, _, text = ask(shop.address, "GET", f"/together?{names}", {"Accept-Language": "zh"})
    assert status == 422
    assert "不能作为编号" in text
    assert ask(shop.address, "GET", "/shop?user=a%2Fb")[0] == 422
