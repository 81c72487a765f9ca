"""A flame graph of the preferences worker's hot path: where its processor time goes.

`python tests/benchmarks/profile_preferences.py [--output FOLDER]` starts the shop of
`bench_preferences`, lets py-spy (Linux: it must be allowed to trace its own children) watch the
worker while it works off a backlog, and writes `preferences.svg`, to be opened in a
browser, and `preferences.txt`, the functions with the largest shares of samples, by themselves and
with all that they call. Sampling costs the worker little; only frames of Python are told.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import preferences_shop as shops
from bench_preferences import OURS, PRODUCTS, SHOPPERS, WARM_UP, running, wait_for
from preferences_shop import LOOK, open_shop

from workers.broker import local_broker

EVENTS, SECONDS, SAMPLES_PER_SECOND = 300_000, 6, 200
TOLD = 40


def main() -> None:
    """Profile, write and print."""
    parser = argparse.ArgumentParser(description="Draw where the preferences worker's time goes.")
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument("--look", type=int, default=LOOK, help="pictures seen for each action")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        shop = open_shop(broker.bootstrap_servers, Path(folder), "profile", SHOPPERS, PRODUCTS)
        shops.publish_feedback(shop, shops.click_stream(shop, given.look, EVENTS, seed=15))
        with running(shop, OURS) as process:
            wait_for(shop, OURS, process, WARM_UP)
            _record(process.pid, "raw", Path(folder) / "stacks")
            _record(process.pid, "flamegraph", given.output / "preferences.svg")
        _name(given.output / "preferences.svg")
        text = shares(_stacks(Path(folder) / "stacks"))
    (given.output / "preferences.txt").write_text(text)
    print(text)


def _record(pid: int, form: str, path: Path) -> None:
    py_spy = str(Path(sys.executable).parent / "py-spy")
    flags = ["--format", form, "--duration", str(SECONDS), "--rate", str(SAMPLES_PER_SECOND)]
    command = [py_spy, "record", "--pid", str(pid), "--output", str(path), *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _name(picture: Path) -> None:
    """Give the flame graph a title: py-spy's is its command, with this machine's folders."""
    title = re.compile(r'(<text id="title"[^>]*>)[^<]*')
    picture.write_text(title.sub(r"\1The preferences worker at a backlog", picture.read_text()))


def _stacks(path: Path) -> dict[tuple[str, ...], int]:
    """Samples of each stack, outermost frame first."""
    lines = (line.rpartition(" ") for line in path.read_text().splitlines())
    return {tuple(stack.split(";")): int(count) for stack, _, count in lines}


def shares(stacks: dict[tuple[str, ...], int]) -> str:
    """Lines of share with callees, share by itself, name and file: the largest by either."""
    within, alone, total = Counter(), Counter(), sum(stacks.values())
    for stack, count in stacks.items():
        frames = [frame.rpartition(":")[0] or frame for frame in stack]
        alone[frames[-1]] += count
        for frame in set(frames):
            within[frame] += count
    told = [
        *within.most_common(TOLD),
        *((frame, within[frame]) for frame, _ in alone.most_common(TOLD)),
    ]
    rows = [f"{count / total:8.1%} {alone[frame] / total:8.1%}  {frame}" for frame, count in told]
    return "\n".join([f"{'in all':>8} {'itself':>8}  of {total} samples", *rows]) + "\n"


if __name__ == "__main__":
    main()
