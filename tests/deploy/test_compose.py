"""The compose file, really run: products published, renders and recommendations out."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest
from deploy.engine import REGISTRY, Compose, podman
from helpers import wait_until
from integration.shop import latest, read_all

from schemas.codec import decode
from schemas.events import Recommendations, StylizedImage
from schemas.topics import RECOMMENDATIONS, REJECTED, STYLIZED
from stylecore.models import GENERATOR
from stylecore.rendering.manifest import load_manifest
from workers.broker.ports import free_port
from workers.settings import load_settings

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]

WORKERS = ("stylize", "preferences", "planner", "trainer", "lag", "posters")
PRODUCTS = {"mug": "mugs", "chair": "furniture"}
READY = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/ready').status)"
WRITE = "open('/opt/stylecast/tried', 'w')"


@pytest.fixture(scope="module")
def compose(images):
    """All services, started and at the end removed with their volumes."""
    ports = {name: str(free_port()) for name in ("KAFKA_PORT", "PLANNER_PORT", "LAG_PORT")}
    chosen = {f"{role.upper()}_IMAGE": f"{REGISTRY}/{role}" for role in ("platform", "stylize")}
    chosen |= {"KAFKA_IMAGE": f"{REGISTRY}/kafka", "WEB_TOKEN": "of the tests"}
    services = Compose({**images, **ports, **chosen}, f"stylecast{os.getpid()}")
    try:
        services("up", "-d")
        yield services
    finally:
        services("down", "--volumes", "--timeout", "20")


@pytest.fixture(scope="module")
def shop(compose):
    """The settings of someone outside, at the port that the compose file opens."""
    return load_settings(
        kafka={"bootstrap_servers": f"127.0.0.1:{compose.environment['KAFKA_PORT']}"}
    )


def is_ready(compose, service):
    try:
        return compose.python(service, READY).strip() == "200"
    except subprocess.CalledProcessError:
        return False


def publish(shop, what, *events):
    environment = {
        **os.environ,
        "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": shop.kafka.bootstrap_servers,
    }
    command = [sys.executable, "-m", "workers", "publish", what]
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    subprocess.run(command, env=environment, input=lines, text=True, check=True)


@pytest.mark.parametrize("worker", WORKERS)
def test_every_worker_becomes_ready_and_may_write_nothing_of_its_image(compose, worker):
    wait_until(lambda: is_ready(compose, worker), 300)
    assert compose.python(worker, "import os; print(os.getuid())").strip() == "10001"
    with pytest.raises(subprocess.CalledProcessError):
        compose.python(worker, WRITE)


def test_products_become_renders_and_a_click_becomes_recommendations(compose, shop):
    photos = json.loads(
        compose.python(
            "stylize",
            "import json, pathlib; print(json.dumps([str(p) for p in sorted("
            "pathlib.Path('/photos').rglob('*.jpg'))[:2]]))",
        )
    )
    products = [
        {"product_id": name, "title": name, "category": category, "image_uri": photo}
        for (name, category), photo in zip(PRODUCTS.items(), photos, strict=True)
    ]
    publish(shop, "products", *products)
    styles = [style.style_id for style in load_manifest(GENERATOR).styles]
    wanted = {f"{name}/{style}".encode() for name in PRODUCTS for style in styles}
    drawn = {}

    def all_are_drawn():
        drawn.update(latest(read_all(shop, STYLIZED)))
        rejected = latest(read_all(shop, REJECTED))
        return drawn.keys() | rejected.keys() >= wanted

    wait_until(all_are_drawn, 600)
    renders = {key: decode(StylizedImage, value) for key, value in drawn.items() if value}
    assert renders
    stored = [render.image_uri.removeprefix("file://") for render in renders.values()]
    compose.python("preferences", f"[open(path, 'rb').close() for path in {stored}]")

    click = {
        "event_id": "e-1",
        "user_id": "ada",
        "kind": "click",
        "product_id": "mug",
        "occurred_at": "2026-11-23T09:30:00Z",
    }
    publish(shop, "feedback", click)
    wait_until(lambda: b"ada" in latest(read_all(shop, RECOMMENDATIONS)), 180)
    shown = decode(Recommendations, latest(read_all(shop, RECOMMENDATIONS))[b"ada"])
    assert {item.product_id for item in shown.items} <= PRODUCTS.keys()
    assert {item.image_uri for item in shown.items if item.style_id != "original"} <= {
        render.image_uri for render in renders.values()
    }


def test_lag_of_the_others_is_told_on_the_hosts_port(compose):
    address = f"http://127.0.0.1:{compose.environment['LAG_PORT']}/metrics"

    def told():
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.read().decode()

    groups = [f'kafka_consumergroup_lag{{consumergroup="stylecast-{w}"' for w in WORKERS[:3]]
    wait_until(lambda: all(group in told() for group in groups), 120)


def test_a_stop_is_in_order(compose):
    compose("stop", *WORKERS)
    for worker in WORKERS:
        (found,) = json.loads(podman(compose.environment, "inspect", compose.container(worker)))
        assert found["State"]["ExitCode"] == 0, worker
