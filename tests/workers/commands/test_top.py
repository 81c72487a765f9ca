"""The picture that on call sees, from what was looked up."""

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from schemas.events import ModelAnnouncement
from stylecore.errors import Transient
from workers.commands.top import Overview, picture
from workers.lag.status import GroupLag, Status

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def shown(overview: Overview | Transient) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(picture(overview, NOW))
    return console.file.getvalue()


def overview(**group) -> Overview:
    told = {"group": "stylecast-stylize", "state": "STABLE", "members": 1, "lag": 1204, **group}
    made = ModelAnnouncement(
        name="preferences",
        version="p-1",
        uri="factors/p-1",
        sha256="0" * 64,
        made_at=NOW - timedelta(minutes=50),
    )
    return Overview(
        groups=[GroupLag(**told, partitions=[])],
        dead_letters={"feedback.events.v1": 2, "stylize.jobs.v1": 0},
        models={"preferences": made},
    )


def test_it_says_who_is_behind_by_how_much_how_long_and_how_it_goes_on():
    picture = shown(
        overview(
            status=Status.WARN, time_lag=95.0, drain_seconds=400.0, read_rate=3.0, write_rate=9.5
        )
    )
    for words in ("stylecast-stylize", "1,204", "95 s", "7 min", "3.0", "9.5", "WARN"):
        assert words in picture


def test_what_is_not_known_yet_is_no_number():
    picture = shown(overview(status=None))
    assert "looking" in picture
    assert "None" not in picture
    assert "nan" not in picture


def test_it_names_dead_letters_that_wait_and_the_models_in_use():
    picture = shown(overview())
    assert "Dead letters that wait: feedback.events.v1 2\n" in picture
    assert "preferences p-1, made 50 min ago" in picture


def test_a_broker_that_is_away_is_told_as_such():
    assert "Kafka does not answer: timed out" in shown(Transient("timed out"))
