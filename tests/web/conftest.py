"""One shop for all tests of the pages, a browser for those that look."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from web.browsers import chromium
from web.shop import WebShop, open_shop

from workers.kafka.admin import admin_client
from workers.settings import load_settings

expect.set_options(timeout=30_000)  # by default 5 s, which a busy machine exceeds


@pytest.fixture(scope="session")
def shop(bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebShop]:
    """A running shop on the shared broker; tests use shoppers of their own."""
    folder: Path = tmp_path_factory.mktemp("shop")
    prefix = f"web{secrets.token_hex(4)}."
    settings = load_settings(
        kafka={"bootstrap_servers": bootstrap_servers, "topic_prefix": prefix},
        store={"uri": str(folder / "store")},
    )
    environment = {
        "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "STYLECAST_KAFKA__TOPIC_PREFIX": prefix,
        "STYLECAST_STORE__URI": settings.store.uri,
        "STYLECAST_WORKER__INSTANCE": "web-tests",
    }
    with open_shop(settings, environment, folder) as opened:
        yield opened
    admin = admin_client(settings)
    left = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for deleted in admin.delete_topics(left).values():
        deleted.result(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; Playwright's event loop ends with the module, for others need one."""
    path = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()
