"""The Grafana dashboard is what its code makes, and asks for nothing that no worker serves."""

import json
import re
import subprocess
import sys
from pathlib import Path

from prometheus_client import REGISTRY

from workers import telemetry
from workers.lag.worker import LagMetrics

FOLDER = Path(__file__).parents[2] / "deploy" / "dashboards"
DASHBOARD = FOLDER / "stylecast.json"


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_the_file_is_what_the_code_makes():
    made = subprocess.run(
        [sys.executable, FOLDER / "make.py"], capture_output=True, check=True, text=True
    ).stdout
    assert made == DASHBOARD.read_text()


def test_every_query_asks_for_a_metric_that_workers_have():
    assert telemetry.READY
    families = [*REGISTRY.collect(), *LagMetrics("any").collect()]
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    names = {
        family.name + suffix for family in families for suffix in suffixes.get(family.type, [])
    }
    asked = {name for query in queries() for name in re.findall(r"(?:stylecast|kafka)_\w+", query)}
    assert asked
    assert asked <= names


def test_no_panel_overlaps_another():
    places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
