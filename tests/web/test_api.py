"""The JSON view: the list as the topic has it, and nothing that the document does not say."""

import json
import urllib.error
import urllib.request

import pytest
import schemathesis
from helpers import wait_until
from hypothesis import HealthCheck, settings
from integration.shop import click

from schemas.codec import decode
from schemas.events import Recommendations
from schemas.topics import FEEDBACK
from workers.kafka.producer import Publisher
from workers.web.api import openapi

pytestmark = pytest.mark.integration

CONTRACT = schemathesis.openapi.from_dict(openapi())


@CONTRACT.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_document_says(case, shop):
    case.call_and_validate(base_url=shop.address)


def test_the_list_is_the_topics_own_and_follows_a_click(shop):
    assert shop.list_of("api-stranger")["user_id"] == "*"
    event = click(1, "api-ada", shop.products[0], "neon")
    with Publisher(shop.settings, "/test") as publisher:
        publisher.send(FEEDBACK, event, event.occurred_at)
    wait_until(lambda: shop.list_of("api-ada").get("caused_by") == event.event_id)
    found = decode(Recommendations, json.dumps(shop.list_of("api-ada")))
    assert found.user_id == "api-ada"
    assert {item.product_id for item in found.items} <= {p.product_id for p in shop.products}
    assert len(json.loads(shop.get("/v1/shoppers/api-ada/recommendations?limit=3"))["items"]) == 3


def test_who_has_the_list_already_gets_it_not_again(shop):
    address = f"{shop.address}/v1/shoppers/api-nobody/recommendations"
    with urllib.request.urlopen(address) as first:
        tag = first.headers["ETag"]
    again = urllib.request.Request(address, headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as same, urllib.request.urlopen(again):
        pass
    with same.value as answer:
        assert answer.status == 304


def test_the_document_is_served(shop):
    assert json.loads(shop.get("/openapi.json")) == openapi()
