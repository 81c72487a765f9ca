"""`stylecast evaluate policy / preferences`: files in, tables or JSON out, failures by line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bandits import draw_log
from msgspec.structs import replace
from typer.testing import CliRunner
from worlds import feedback

from schemas.codec import encode
from stylecore.errors import Permanent
from workers.commands.evaluate_models import evaluate_app

HEADER = "item_id,position,click,propensity_score\n"


def evaluated(*arguments: object) -> str:
    """What the command prints; raises what it raises."""
    done = CliRunner().invoke(evaluate_app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def feedback_lines(folder: Path, impressions: int) -> Path:
    """JSON lines: neon is clicked four times in ten, sepia once, both shown as often."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(impressions):
        style = ("neon", "sepia")[int(random.integers(2))]
        seen = feedback(f"u{number % 50}", f"p{number % 3}", style, "impression", propensity=0.5)
        seen = replace(seen, event_id=f"i{number}", recommendation_id=f"r{number}")
        lines.append(encode(seen))
        if random.random() < {"neon": 0.4, "sepia": 0.1}[style]:
            lines.append(encode(replace(seen, event_id=f"c{number}", kind="click")))
    path = folder / "feedback.jsonl"
    path.write_bytes(b"\n".join(lines))
    return path


def test_each_style_of_a_feedback_log_is_asked_about(tmp_path: Path) -> None:
    report = json.loads(evaluated("policy", feedback_lines(tmp_path, 3000), "--json"))
    values = {
        row["target"]: {one["method"]: one["value"] for one in row["estimates"]}
        for row in report["targets"]
    }
    assert values["always neon"]["SNIPS"] == pytest.approx(0.4, abs=0.05)
    assert values["always sepia"]["SNIPS"] == pytest.approx(0.1, abs=0.05)
    assert values["even"]["IPS"] == pytest.approx(report["logged"]["value"])


def test_a_small_log_gets_sentences_and_no_figures(tmp_path: Path) -> None:
    shown = evaluated("policy", feedback_lines(tmp_path, 60))
    assert "no figure" in shown
    assert "SNIPS" in shown


def test_another_logs_policy_is_compared_with_what_it_earned_itself(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    truth, even = random.uniform(0.1, 0.9, (3, 4)), np.full((3, 4), 0.25)
    target = random.dirichlet(np.ones(4), size=3)
    for name, policy in (("even", even), ("target", target)):
        log = draw_log(truth, policy, 4000, random)
        columns = (log.action, log.context, log.reward, log.propensity)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        text = HEADER + "".join(f"{a},{x},{r},{p}\n" for a, x, r, p in rows)
        (tmp_path / f"{name}.csv").write_text(text)
    files = (tmp_path / "even.csv", "--target-log", tmp_path / "target.csv")
    report = json.loads(evaluated("policy", *files, "--json"))
    for row in report["targets"]:
        for estimate in row["estimates"]:
            assert estimate["value"] == pytest.approx(report["target_log"]["value"], abs=0.05)


def test_a_wrong_line_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_text('\n{"event_id": 7}\n')
    with pytest.raises(Permanent, match="line 2: not a valid Feedback"):
        evaluated("policy", path)


def test_a_stream_is_a_table_of_what_ships_and_its_baselines(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    users, items = random.integers(30, size=400), random.integers(50, size=400)
    rows = [f"{u},{i},{n}" for n, (u, i) in enumerate(zip(users, items, strict=True))]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(["who,item,time", *rows]))
    shown = evaluated("preferences", path, "--user-column", "who")
    assert "400 events of 30 shoppers and 50 products" in " ".join(shown.split())
    report = json.loads(evaluated("preferences", path, "--user-column", "who", "--json"))
    assert [row["learner"] for row in report["rows"]] == [
        "popularity",
        "static factors",
        "fold-in",
        "fold-in, refits",
        "what ships",
        "item-to-item",
        "EASE",
    ]
    assert {frozenset(row) for row in report["rows"]} == {
        frozenset(["learner", "recall_at_10", "low", "high", "ndcg_at_10", "coverage", "novelty"])
    }
