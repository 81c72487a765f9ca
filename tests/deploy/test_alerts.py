"""Alerts: they fire when their fault is there, and each tells on call what to do."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yaml"
UNIT_TESTS = DEPLOY / "prometheus" / "alerts_test.yaml"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()


def alerts() -> list[dict]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_each_alert_has_a_runbook_section_that_says_what_to_do(alert):
    (section,) = re.findall(
        rf"^## {alert['alert']}\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL
    )
    assert all(f"**{word}**" in section for word in ("Means", "See more", "Do"))
    assert alert["annotations"]["runbook"].endswith(f"RUNBOOK.md#{alert['alert'].lower()}")
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_each_alert_is_made_to_fire_and_is_silent_in_a_healthy_hour():
    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    names = {alert["alert"] for alert in alerts()}
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == names
    healthy = [check for check in tests[0]["alert_rule_test"] if not check["exp_alerts"]]
    assert {check["alertname"] for check in healthy} == names


@pytest.mark.deploy
@pytest.mark.parametrize("check", [("check", RULES), ("test", UNIT_TESTS)])
def test_promtool_accepts_them(check):
    command, file = check
    done = subprocess.run(
        ["promtool", command, "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
