"""Debian's Prometheus over real workers, with the rules' windows scaled down."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers import wait_until

from workers.broker.ports import free_port

RULES = Path(__file__).parents[1] / "deploy" / "prometheus" / "alerts.yaml"
SCALED = {
    "5s": "1s",
    "15s": "1s",
    "1m": "2s",
    "2m": "2s",
    "5m": "5s",
    "10m": "10s",
    "30m": "10s",
    "1h": "15s",
    "6h": "30s",
    "1d": "1m",
}
"""Windows and patience of the rules, and what the tests wait for instead."""
HOUR_OF_FACTORS = "> 3600"


class Prometheus:
    """The server and what it is asked."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._targets = folder / "targets.json"

    def watch(self, ports: Mapping[str, int]) -> None:
        """Scrape these workers from now on."""
        groups = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"job": f"stylecast-{worker}"}}
            for worker, port in ports.items()
        ]
        part = self._targets.with_suffix(".part")
        part.write_text(json.dumps(groups))
        part.replace(self._targets)

    def firing(self) -> list[dict[str, str]]:
        """The labels of every alert that fires."""
        alerts = self._get("/api/v1/alerts")["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def fires(self, name: str, **labels: str) -> bool:
        """Whether an alert of this name and these labels fires."""
        return any(
            {"alertname": name, **labels}.items() <= alert.items() for alert in self.firing()
        )

    def value(self, query: str) -> float | None:
        """The first value of a query, None where there is none."""
        found = self._get(f"/api/v1/query?query={urllib.request.quote(query)}")["result"]
        return float(found[0]["value"][1]) if found else None

    def names(self) -> set[str]:
        """Every metric that a worker serves, whether it has a value yet or not."""
        suffixes = {"histogram": ("_bucket", "_sum", "_count")}
        return {
            name + suffix
            for name, (family, *_) in self._get("/api/v1/metadata").items()
            for suffix in suffixes.get(family["type"], ("",))
        }

    def is_up(self) -> bool:
        try:
            self._get("/api/v1/alerts")
        except OSError:
            return False
        return True

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return json.load(answer)["data"]


def scaled(rules: str) -> str:
    """The rules with shorter windows; every duration in them must be in the table."""
    text = re.sub(
        r"(\[|for: |offset |interval: )(\d+[smhd])",
        lambda found: found[1] + SCALED[found[2]],
        rules,
    )
    assert HOUR_OF_FACTORS in text
    return text.replace(HOUR_OF_FACTORS, "> 20")


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """A server that is ended when the block is left."""
    folder.mkdir(parents=True)
    (folder / "alerts.yaml").write_text(scaled(RULES.read_text()))
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["alerts.yaml"],
                "scrape_configs": [
                    {
                        "job_name": "stylecast",
                        "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}],
                    }
                ],
            }
        )
    )
    port = free_port()
    server = Prometheus(folder, port)
    server.watch({})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(server.is_up)
        yield server
    finally:
        process.terminate()
        process.wait(20)
