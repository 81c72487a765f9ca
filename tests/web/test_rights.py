"""The pages need no more rights on the broker than deploy/acls.yaml grants them."""

import json
from urllib.parse import urlencode

import pytest
from helpers import wait_until
from integration.shop import publish_products, read_all, shop_fleet
from integration.test_security import ACLS, SECRET, environment_of, fields_of, principal
from poster_scenes import logo_file
from secure_broker import secure_broker
from web.test_console import picture_bytes, post_file
from web.test_guard import EVENT, OWN, ask

from schemas.topics import FEEDBACK, POSTER_REQUESTS, PRODUCTS, STYLES
from workers.broker.ports import free_port
from workers.kafka.acls import apply_acls, grants, read_acls
from workers.kafka.topics import apply_topics
from workers.settings import load_settings

pytestmark = pytest.mark.integration

FORM = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}


def test_the_pages_read_and_write_with_their_own_rights(tmp_path):
    with secure_broker(tmp_path / "broker") as broker:
        admin = load_settings(
            kafka=broker.by_certificate("admin"), store={"uri": str(tmp_path / "store")}
        )
        apply_topics(admin, 4)
        apply_acls(admin, list(grants(admin, read_acls(ACLS))))
        broker.add_users({principal("web"): SECRET})
        publish_products(admin, 1)
        port = free_port()
        environment = {
            **environment_of(fields_of(broker, "web")),
            "STYLECAST_STORE__URI": admin.store.uri,
            "STYLECAST_WORKER__INSTANCE": "test",
            "STYLECAST_WEB__PORT": str(port),
        }
        with shop_fleet(admin, environment, tmp_path) as fleet:
            fleet.start("web")
            fleet.wait_ready("web")
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: "/ 1<" in ask(address, "GET", "/console")[2])
            posted = ask(address, "POST", "/shop/ada/feedback", OWN, json.dumps(EVENT))
            assert posted[0] == 202
            style = urlencode({"style_id": "mine", "label": "Mine", "share.neon": "1"})
            assert ask(address, "POST", "/console/styles", FORM, style)[0] == 303
            photo = picture_bytes()
            product = {"product_id": "tile", "title": "Tile", "category": "tiles"}
            assert post_file(address, "/console/products", photo, "photo", **product)[0] == 303
            poster = {"product_id": EVENT[0]["product_id"], "style_id": "original",
                      "headline": "Slow mornings", "size.1080x1080": "1"}  # fmt: skip
            assert post_file(address, "/console/posters", logo_file(), "logo", **poster)[0] == 303
            wait_until(lambda: 'value="mine"' in ask(address, "GET", "/console")[2])
            withdrawn = ask(address, "POST", "/console/styles/withdraw", FORM, "style_id=mine")
            assert withdrawn[0] == 303
        assert [record.key for record in read_all(admin, POSTER_REQUESTS)] != []
        assert b"tile" in {record.key for record in read_all(admin, PRODUCTS)}
        assert [record.key for record in read_all(admin, FEEDBACK)] == [b"ada"]
        assert [record.key for record in read_all(admin, STYLES)] == [b"mine", b"mine"]
    told = (tmp_path / "logs" / "web.log").read_text()
    assert "AUTHORIZATION" not in told.upper()
    assert SECRET not in told
