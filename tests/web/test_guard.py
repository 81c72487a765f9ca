"""Who may look and who may write: hosts, tokens, origins, sizes, headers."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from web.shop import instance

from stylecore.errors import SettingsError
from workers.settings import WebSettings
from workers.web.security import is_loopback, require_safe

pytestmark = pytest.mark.integration

EVENT = [{"event_id": "guard-1", "kind": "click", "product_id": "mug-harbour"}]
OWN = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}


def ask(address, method, path, headers=None, body=None):
    """Status, headers and text of an answer; no header but those given."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def test_every_answer_forbids_scripts_frames_and_guessed_types(shop):
    for path in ("/", "/shop/ada", "/nothing", "/static/style.css", "/openapi.json", "/live"):
        _, headers, text = ask(shop.address, "GET", path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "<script>" not in text
        assert " style=" not in text


def test_a_name_that_was_made_to_point_here_is_refused(shop):
    for path in ("/", "/shop/ada", "/metrics", "/liver", "/v1/shoppers/ada/recommendations"):
        assert ask(shop.address, "GET", path, {"Host": "evil.example"})[0] == 421
    for probe in ("/live", "/ready"):
        assert ask(shop.address, "GET", probe, {"Host": "10.1.2.3:8080"})[0] == 200


def test_it_tells_prometheus_what_was_published(shop):
    ask(shop.address, "POST", "/shop/guard/feedback", OWN, json.dumps(EVENT))
    metrics = ask(shop.address, "GET", "/metrics")[2]
    assert 'stylecast_records_produced_total{topic="' in metrics


def test_it_tells_prometheus_how_requests_were_answered(shop):
    for path in ("/shop/ada", "/invented/by/somebody", "/shop/ada/products/none"):
        ask(shop.address, "GET", path)
    ask(shop.address, "GET", "/", {"Host": "evil.example"})
    metrics = ask(shop.address, "GET", "/metrics")[2]
    for route, status in (
        ("/shop/{user}", 200),
        ("/shop/{user}/products/{product}", 404),
        ("none", 404),
        ("none", 421),
    ):
        name = f'stylecast_web_response_seconds_count{{route="{route}",status="{status}"}}'
        assert name in metrics
    assert "invented" not in metrics


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_writes_are_taken_from_our_own_pages_alone(shop, headers, status):
    sent = {"Content-Type": "application/json", **headers}
    body = json.dumps(EVENT)
    assert ask(shop.address, "POST", "/shop/guard/feedback", sent, body)[0] == status


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        '{"event_id": "x"}',
        json.dumps(EVENT * 201),
    ],
)
def test_what_is_no_list_of_feedback_is_refused_with_the_reason(shop, body):
    status, _, text = ask(shop.address, "POST", "/shop/guard/feedback", OWN, body)
    assert status == 422
    assert "That cannot be taken" in text


def test_a_write_too_large_is_not_read(shop):
    headers = {**OWN, "Content-Length": str(10**9)}
    assert ask(shop.address, "POST", "/shop/guard/feedback", headers)[0] == 413


def test_what_shoppers_and_merchants_wrote_is_escaped(shop):
    text = ask(shop.address, "GET", "/shop/%3Cscript%3Ealert(1)%3C%2Fscript%3E")[2]
    assert "<script>alert" not in text
    text = ask(shop.address, "GET", "/shop/%22%3E%3Cimg%20src=x%3E")[2]
    assert "<img src=x>" not in text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "shop.example"])
def test_nothing_is_opened_to_a_network_without_a_token(host):
    assert not is_loopback(host)
    with pytest.raises(SettingsError, match="STYLECAST_WEB__TOKEN"):
        require_safe(WebSettings(host=host))
    require_safe(WebSettings(host=host, token="let me in"))


def test_with_a_token_the_door_is_closed_until_it_is_shown(shop):
    with instance(shop.settings, token="let me in") as address:
        assert ask(address, "GET", "/live")[0] == 200
        assert ask(address, "GET", "/v1/shoppers/ada/recommendations")[0] == 401
        assert ask(address, "GET", "/metrics")[0] == 401
        status, headers, _ = ask(address, "GET", "/", {"Accept": "text/html"})
        assert (status, headers["Location"]) == (303, "/enter")
        bearer = {"Authorization": "Bearer let me in"}
        assert ask(address, "GET", "/v1/shoppers/ada/recommendations", bearer)[0] == 200
        assert ask(address, "GET", "/", {"Authorization": "Bearer let me"})[0] == 401

        form = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}
        assert ask(address, "POST", "/enter", form, "token=open+up")[0] == 401
        status, headers, _ = ask(address, "POST", "/enter", form, "token=let+me+in")
        cookie = headers["Set-Cookie"]
        assert status == 303
        assert "HttpOnly" in cookie
        assert "let me in" not in cookie
        assert ask(address, "GET", "/", {"Cookie": cookie.partition(";")[0]})[0] == 200
        assert ask(address, "GET", "/", {"Cookie": "stylecast_token="})[0] == 401
