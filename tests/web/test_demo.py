"""The demo kept open: a person walks into the shop of the demo's own renders, and out again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from helpers import wait_until
from playwright.sync_api import expect
from web.browsers import visit
from web.test_following import list_id, wait_for_another_list

from workers.demo.inputs import sample_products

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ready", timeout=5):
            return True
    except OSError:
        return False


def test_a_click_in_the_kept_demo_changes_the_shelf_and_ctrl_c_ends_it(browser, tmp_path):
    photos = tmp_path / "photos" / "mugs"
    photos.mkdir(parents=True)
    for product in sample_products()[:3]:
        shutil.copy(product.image_uri, photos)
    lines = tmp_path / "lines"
    command = ["-m", "workers", "demo", "--keep", "--output", str(tmp_path)]
    with lines.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, *command, "--products", str(photos.parent)],
            env={**os.environ, "COLUMNS": "200", "STYLECAST_WEB__PORT": "0"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: "The shop is open" in lines.read_text() or demo.poll() is not None, 400)
        assert demo.poll() is None, lines.read_text()
        (address,) = re.findall(r"open at (http://127\.0\.0\.1:\d+) ", lines.read_text())
        assert f'href="{address}/"' in (tmp_path / "report.html").read_text()
        with visit(browser, f"{address}/shop/guest") as seen:
            before = list_id(seen.page)
            seen.page.locator("[data-click]").first.click()
            wait_for_another_list(seen.page, before)
            expect(seen.page.locator(".looks li")).not_to_have_count(0)
        (web,) = [it for it in psutil.Process(demo.pid).children() if "web" in it.cmdline()]
        web.kill()
        wait_until(lambda: "web ended with -9" in lines.read_text(), 60)
        wait_until(lambda: answers(address), 120)
        assert demo.poll() is None, lines.read_text()
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(60)
    assert code == 0, lines.read_text()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)
    assert Path(tmp_path / "summary.json").exists()
