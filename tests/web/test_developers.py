"""The developers' snippets do what the page says, as they stand there, against a real broker."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from helpers import wait_until
from web.shop import NOW, instance
from web.test_following import events_of

from schemas.events import RecommendationReason, Recommendations, RecommendedItem
from schemas.topics import FEEDBACK, RECOMMENDATIONS
from workers.broker.java import kafka_jars
from workers.kafka.producer import Publisher
from workers.kafka.topics import topic_name
from workers.web.api import CONSUMERS

pytestmark = pytest.mark.integration

SNIPPETS = Path(str(files("workers.web") / "snippets"))
NPM_PACKAGE = "@platformatic/kafka@1"
PATIENCE_SECONDS = 90
ITEM = RecommendedItem(
    product_id="mug-harbour",
    style_id="neon",
    image_uri="/somewhere/mug.webp",
    score=1,
    propensity=0.5,
    reason=RecommendationReason(kind="popular", text="Popular now"),
)
LIST = Recommendations(
    user_id="nobody",
    recommendation_id="of-a-developer",
    items=[],
    policy="test",
    factors_version="1",
    generated_at=NOW,
    valid_until=NOW,
)


def test_python_follows_the_lists(shop, tmp_path):
    assert_follows(shop, tmp_path, [sys.executable, str(SNIPPETS / CONSUMERS["Python"])])


def test_java_follows_the_lists(shop, tmp_path):
    java, compiler = shutil.which("java"), shutil.which("javac")
    if java is None or compiler is None:
        pytest.skip("no Java compiler: install the system's default-jdk-headless")
    jars = ":".join(map(str, kafka_jars()))
    source = SNIPPETS / CONSUMERS["Java"]
    subprocess.run([compiler, "-cp", jars, "-d", str(tmp_path), str(source)], check=True)
    assert_follows(shop, tmp_path, [java, "-cp", f"{jars}:{tmp_path}", "Consume"])


def test_javascript_follows_the_lists(shop, tmp_path):
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node.js: install the system's nodejs and npm")
    script = shutil.copy(SNIPPETS / CONSUMERS["JavaScript"], tmp_path)
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", NPM_PACKAGE]
    installed = subprocess.run(
        install, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install {NPM_PACKAGE}: {installed.stderr[-300:]}")
    assert_follows(shop, tmp_path, [node, str(script)])


def assert_follows(shop, folder: Path, command: list[str]) -> None:
    """The command prints what the topic has, an empty list too, and all again when restarted."""
    topic = topic_name(shop.settings, RECOMMENDATIONS)
    with Publisher(shop.settings, "/test") as publisher:
        for user_id, items in (("empty-ada", []), ("full-ada", [ITEM])):
            shown = msgspec.structs.replace(LIST, user_id=user_id, items=items)
            publisher.send(RECOMMENDATIONS, shown, shown.generated_at)
    wanted = {"empty-ada nothing", "full-ada mug-harbour neon /somewhere/mug.webp"}
    environment = {**environment_of(shop), "TOPIC": topic}
    for output in (folder / "first", folder / "second"):
        with running(command, environment, output):
            wait_until(partial(has_lines, output, wanted), PATIENCE_SECONDS)


def has_lines(file: Path, wanted: set[str]) -> bool:
    """Whether all of these lines are in the file by now."""
    return wanted <= set(file.read_text().splitlines())


def test_the_click_of_the_snippet_is_taken_and_changes_the_list(shop):
    shown = shop.list_of("developers-ada")
    subprocess.run(click_of("developers-ada"), env=environment_of(shop), check=True)
    wait_until(lambda: shop.list_of("developers-ada")["user_id"] == "developers-ada")
    (event,) = events_of(shop, "developers-ada", "click")
    assert event.recommendation_id == shown["recommendation_id"]
    assert event.propensity == pytest.approx(shown["items"][0]["propensity"], rel=1e-3)


def test_the_snippet_shows_the_token_where_one_is_needed(shop):
    with instance(shop.settings, token="let me in") as address:
        environment = {**environment_of(shop), "SHOP": address}
        closed = subprocess.run(
            click_of("token-ada"), env=environment, capture_output=True, text=True, check=False
        )
        assert "401" in closed.stderr
        environment["TOKEN"] = "let me in"
        subprocess.run(click_of("token-ada"), env=environment, check=True)
    assert len(events_of(shop, "token-ada", "click")) == 1


def test_the_snippet_says_that_a_list_is_empty(shop):
    shown = msgspec.structs.replace(LIST, user_id="bare-ada", valid_until=NOW.replace(year=2100))
    with Publisher(shop.settings, "/test") as publisher:
        publisher.send(RECOMMENDATIONS, shown, NOW)
    wait_until(lambda: shop.list_of("bare-ada")["user_id"] == "bare-ada")
    ended = subprocess.run(
        click_of("bare-ada"), env=environment_of(shop), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "the list of bare-ada is empty\n")


def click_of(user_id: str) -> list[str]:
    """The command of the snippet that clicks."""
    return [sys.executable, str(SNIPPETS / "feedback.py"), user_id]


def environment_of(shop) -> dict[str, str]:
    """Where the snippets find the broker and the pages; those that read name another topic."""
    servers = shop.settings.kafka.bootstrap_servers
    topic = topic_name(shop.settings, FEEDBACK)
    return {**os.environ, "KAFKA": servers, "SHOP": shop.address, "TOPIC": topic}


@contextmanager
def running(command: list[str], environment: dict[str, str], output: Path) -> Iterator[None]:
    """The command, its output in a file, ended with the block."""
    with output.open("wb") as lines:
        process = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines)
    try:
        yield
    finally:
        process.kill()
        process.wait()
