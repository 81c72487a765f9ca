"""The README speaks of what there is."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

from schemas.topics import TOPICS
from workers import telemetry
from workers.__main__ import COMMANDS
from workers.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_metric_of_ours_is_described_and_every_described_one_is_there():
    assert telemetry.TRANSACTIONS
    families = [metric for metric in REGISTRY.collect() if metric.name.startswith("stylecast_")]
    ours = {f"{m.name}_total" if m.type == "counter" else m.name for m in families}
    assert set(re.findall(r"`(stylecast_[a-z_]+)`", README)) == ours


def test_every_setting_that_is_named_exists():
    for part, name in re.findall(r"STYLECAST_([A-Z]+)__([A-Z_]+)", README):
        model = Settings.model_fields[part.lower()].annotation
        assert name.lower() in model.model_fields or part == "KAFKA", f"{part}__{name}"


def test_every_command_topic_and_path_that_is_named_exists():
    for command in re.findall(r"stylecast ([a-z-]+)", README):
        assert command in COMMANDS
    names = {topic.name for topic in TOPICS}
    assert set(re.findall(r"[a-z]+\.[a-z]+\.v1", README)) <= names
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", README):
        assert target == "is" or f"\n{target}:" in makefile, target
