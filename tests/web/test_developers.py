"""The developers' snippets do what the page says, as they stand there, against a real broker."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from helpers import wait_until
from web.test_following import events_of

from schemas.topics import FEEDBACK, RECOMMENDATIONS
from workers.broker.jars import kafka_jars
from workers.topics import topic_name
from workers.web.developers import CONSUMERS

pytestmark = pytest.mark.integration

SNIPPETS = Path(str(files("workers.web") / "snippets"))
NPM_PACKAGE = "@platformatic/kafka@1"
PATIENCE_SECONDS = 90


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
    """The command prints the best place of the list for everyone, as the topic has it."""
    best = shop.list_of("developers-nobody")["items"][0]
    wanted = f"* {best['product_id']} {best['style_id']} {best['image_uri']}"
    topic = topic_name(shop.settings, RECOMMENDATIONS)
    group = f"{shop.settings.kafka.topic_prefix}{command[0]}".replace("/", "-")
    environment = {**environment_of(shop), "TOPIC": topic, "GROUP": group}
    output = folder / "lines"
    with running(command, environment, output):
        wait_until(lambda: wanted in output.read_text().splitlines(), PATIENCE_SECONDS)


def test_the_click_of_the_snippet_is_taken_and_changes_the_list(shop):
    environment = {**environment_of(shop), "TOPIC": topic_name(shop.settings, FEEDBACK)}
    script = str(SNIPPETS / "feedback.py")
    shown = shop.list_of("developers-ada")
    subprocess.run([sys.executable, script, "developers-ada"], env=environment, check=True)
    wait_until(lambda: shop.list_of("developers-ada")["user_id"] == "developers-ada")
    (event,) = events_of(shop, "developers-ada", "click")
    assert event.recommendation_id == shown["recommendation_id"]
    assert event.propensity == pytest.approx(shown["items"][0]["propensity"], rel=1e-3)


def environment_of(shop) -> dict[str, str]:
    """Where the snippets find the broker and the pages."""
    servers = shop.settings.kafka.bootstrap_servers
    return {**os.environ, "KAFKA": servers, "SHOP": shop.address}


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
