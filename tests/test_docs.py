"""The README and the pages of deploy/ speak of what there is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from schemas.topics import TOPICS
from workers import telemetry
from workers.__main__ import COMMANDS
from workers.lag.worker import LagMetrics
from workers.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TEXTS = {".md", ".py", ".sh", ".yaml"}
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "deploy").glob("*.md"))]


def test_every_metric_of_ours_is_described_and_every_described_one_is_there():
    assert telemetry.TRANSACTIONS
    families = [metric for metric in REGISTRY.collect() if metric.name.startswith("stylecast_")]
    ours = {f"{m.name}_total" if m.type == "counter" else m.name for m in families}
    assert set(re.findall(r"`(stylecast_[a-z_]+)`", README)) == ours


def test_every_metric_of_the_lag_worker_is_in_the_runbook():
    names = {family.name for family in LagMetrics("any").collect()}
    page = (ROOT / "deploy" / "RUNBOOK.md").read_text()
    _, table = page.split("| metric of the lag worker |")
    assert set(re.findall(r"`((?:kafka|stylecast)_[a-z_]+)`", table)) == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_setting_that_is_named_exists(page):
    for part, name in re.findall(r"STYLECAST_([A-Z]+)__([A-Z_]+[A-Z])", page.read_text()):
        model = Settings.model_fields[part.lower()].annotation
        assert name.lower() in model.model_fields or part == "KAFKA", f"{part}__{name}"


@pytest.mark.parametrize("name", ["settings", "log_events"])
def test_a_generated_page_is_what_the_code_says(name):
    page, script = f"deploy/{name.upper()}.md", f"deploy/{name}_page.py"
    made = subprocess.run(
        [sys.executable, ROOT / script], capture_output=True, check=True, text=True
    )
    assert made.stdout == (ROOT / page).read_text(), f"python {script} > {page}"


def test_every_log_event_is_words_of_snake_case():
    page = (ROOT / "deploy" / "LOG_EVENTS.md").read_text()
    events = re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)
    assert len(events) > 40
    for event in events:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", event), event


def test_no_setting_is_left_unexplained():
    page = (ROOT / "deploy" / "SETTINGS.md").read_text()
    assert not [line for line in page.splitlines() if line.endswith("|  |")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_topic_and_path_that_is_named_exists(page):
    text = page.read_text()
    for command in re.findall(r"stylecast ([a-z-]+)", "\n".join(code_of(text))):
        assert command in COMMANDS
    topics = {topic.name for topic in TOPICS}
    assert set(re.findall(r"\b[a-z]+\.[a-z]+\.v1", text)) <= topics
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", "\n".join(code_of(text))):
        assert f"\n{target}:" in makefile, target


def test_every_file_that_a_text_names_exists():
    folders = [ROOT / name for name in ("schemas", "stylecore", "workers", "tests", "deploy")]
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in TEXTS]
    missing = set()
    for file in [*files, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]:
        text = file.read_text(encoding="utf-8")
        for path in re.findall(
            r"(?<![\w./-])(?:schemas|stylecore|workers|tests)/[\w/]+\.py\b", text
        ):
            if not (ROOT / path).exists():
                missing.add(f"{file.relative_to(ROOT)}: {path}")
    assert not missing


def test_the_architecture_is_short_and_every_path_that_it_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert len(text.splitlines()) <= 120
    named = re.findall(r"`((?:schemas|stylecore|workers|deploy|tests)/[\w./-]*|\w+\.\w+)`", text)
    paths = [name for name in named if "/" in name or name.endswith((".toml", ".md", ".py"))]
    assert len(paths) > 50
    assert not [path for path in paths if not (ROOT / path).exists()]


def code_of(text: str) -> list[str]:
    """What stands as code, in lines and in blocks."""
    blocks = re.findall(r"(?ms)^```.*?^```|^(?:    .*\n)+", text)
    return blocks + re.findall(r"`([^`\n]+)`", text)
