"""The table of what a shop needs: it follows the shop, and the page shows what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.topics import FEEDBACK, JOBS

DEPLOY = Path(__file__).parents[2] / "deploy"


def run(*options):
    command = [sys.executable, str(DEPLOY / "scale.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def needs(*options):
    return {need["what"]: need for need in json.loads(run("--json", *options))}


def test_the_page_shows_what_the_script_says():
    assert run() in (DEPLOY / "SCALE.md").read_text()


def test_a_small_shop_breaks_nothing_and_a_large_one_is_told_what_breaks_first():
    small = run("--products", "10000", "--shoppers", "100000")
    assert "!" not in small
    assert "is nearest to breaking" in small
    assert run().splitlines()[-1].startswith("memory of the trainer breaks first: 900 GB")


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("--products", "renders at launch"),
        ("--styles", "store"),
        ("--shoppers", "memory of the trainer"),
        ("--state-bytes", "states, a partition"),
        ("--active-share", "feedback at the peak"),
        ("--image-bytes", "to the store, at launch"),
        ("--fit-us-interaction", "a refit, on one core"),
    ],
)
def test_twice_of_one_is_about_twice_of_what_follows_from_it(option, what):
    first, second = (needs(option, str(value))[what]["amount"] for value in (1000, 2000))
    assert second == pytest.approx(2 * first, rel=0.25)


def test_half_the_time_to_draw_everything_is_twice_the_machines():
    long, short = (
        needs("--products", "1e9", "--launch-days", days)["stylize on CPUs, launch"]["amount"]
        for days in ("8", "4")
    )
    assert short == pytest.approx(2 * long, rel=0.01)


def test_the_limits_are_those_of_the_table_of_topics():
    found = needs()
    assert found["stylize on CPUs, launch"]["limit"] == JOBS.partitions
    assert found["preferences, by memory"]["limit"] == FEEDBACK.partitions


@pytest.mark.parametrize("wrong", ["0", "-1", "many"])
def test_a_number_that_is_none_is_refused(wrong):
    command = [sys.executable, str(DEPLOY / "scale.py"), "--products", wrong]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--products" in done.stderr
