"""A real Chromium, and what its pages say of themselves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response

NAMES = ("chromium", "chromium-browser", "google-chrome")
SERIOUS = {"serious", "critical"}
SCREENSHOTS = "STYLECAST_SCREENSHOTS"
"""Names the folder for screenshots, to be looked at; without it they go with the test."""


def chromium() -> str:
    """The system's browser; the test is skipped, and says so, where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: install the system's package `chromium` (make setup-browser)")
    return found


class Visit:
    """An open page: what it loaded, and what went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.loaded: list[Response] = []
        page.on("console", lambda it: it.type == "error" and self.problems.append(it.text))
        page.on("pageerror", lambda it: self.problems.append(str(it)))
        page.on("response", lambda it: self.loaded.append(it))  # noqa: PLW0108 (not a built-in)

    @property
    def bytes_without_pictures(self) -> int:
        """What the page weighs: its document, styles and scripts."""
        kinds = {"document", "stylesheet", "script"}
        texts = [it for it in self.loaded if it.request.resource_type in kinds]
        return sum(len(it.body()) for it in texts if it.ok)

    def serious(self) -> list[str]:
        """What axe finds that keeps somebody out."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{it['id']}: {it['help']}: {it['nodes'][0]['html'][:200]}"
            for it in found
            if it["impact"] in SERIOUS
        ]


@contextmanager
def visit(browser: Browser, address: str, **options: object) -> Iterator[Visit]:
    """A page in a context of its own: no cookies, no cache."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        visited = Visit(context.new_page())
        visited.page.goto(address)
        yield visited
    finally:
        context.close()


def keep_picture(page: Page, name: str, folder: Path) -> None:
    """A screenshot of what is visible."""
    target = Path(os.environ.get(SCREENSHOTS, folder))
    target.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target / f"{name}.png")
