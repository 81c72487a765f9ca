"""`stylecast evaluate policy` on the topic of a real broker."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from command_line import stylecast

from schemas.events import Feedback
from schemas.topics import FEEDBACK
from workers.kafka.producer import Publisher

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def impression(number, style, kind="impression"):
    return Feedback(
        event_id=f"{kind}-{number}",
        user_id=f"u{number % 40}",
        kind=kind,
        product_id="mug",
        style_id=style,
        occurred_at=NOW,
        recommendation_id=f"r{number}",
        propensity=0.5,
    )


@pytest.mark.usefixtures("topics")
def test_what_is_in_the_topic_is_joined_and_estimated(environment, settings):
    random = np.random.default_rng(0)
    with Publisher(settings, source="/test") as publisher:
        for number in range(1000):
            style = ("neon", "sepia")[int(random.integers(2))]
            publisher.send(FEEDBACK, impression(number, style), NOW)
            if style == "neon" and number % 3 == 0:
                publisher.send(FEEDBACK, impression(number, style, "click"), NOW)
    done = stylecast("evaluate", "policy", "--json", **environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["choices"] == 1000
    targets = {row["target"]: row["estimates"] for row in report["targets"]}
    assert targets["always neon"][2]["value"] == pytest.approx(1 / 3, abs=0.06)
    assert all("no figure" in estimate["refused"] for estimate in targets["always sepia"])
