"""No record crashes a worker, names a path, writes a log line of its own or makes a metric grow."""

import json

import pytest
from hostile.event_mutants import INPUTS, STRANGE_TEXTS, hostile_record
from hostile.fuzz_events import fuzz_events
from hostile.fuzz_handlers import HANDLED, fuzz_handler
from prometheus_client import REGISTRY

from schemas.codec import InvalidEvent, decode
from schemas.topics import FEEDBACK
from stylecore.storage.store import Store
from workers.kafka.dead_letters import PREFIX, DeadLetterOutputs, dead_letter
from workers.settings import LogSettings
from workers.telemetry import configure_logging

FEW = 2000


@pytest.fixture(autouse=True)
def quiet():
    configure_logging(LogSettings(level="error"))


@pytest.mark.parametrize("topic", INPUTS, ids=lambda topic: topic.name)
def test_hostile_records_are_events_or_dead_letters(topic, tmp_path):
    found = fuzz_events(topic, FEW, tmp_path)
    assert found["events"] + found["dead_letters"] == FEW
    assert found["events"] > FEW / 50
    assert found["dead_letters"] > FEW / 4


@pytest.mark.integration
@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("topic", HANDLED, ids=lambda topic: topic.name)
def test_hostile_records_go_through_whole_handlers(topic, settings):
    found = fuzz_handler(settings, topic, FEW)
    assert found["dead_letters"] > FEW / 4
    assert found["outputs"] > found["dead_letters"] or topic is not FEEDBACK


def test_a_record_is_the_same_each_time():
    assert hostile_record(INPUTS[0], 5) == hostile_record(INPUTS[0], 5)


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_record_writes_a_line_of_its_own_into_the_log(style, capsys, tmp_path):
    configure_logging(LogSettings(format=style))
    letters = []
    for number in range(400):
        record = hostile_record(INPUTS[number % len(INPUTS)], number)
        try:
            decode(INPUTS[number % len(INPUTS)].event, record.value)
        except InvalidEvent as problem:
            letters.append(dead_letter(record, "decode", problem))
    letters += [
        dead_letter(hostile_record(INPUTS[0], 0), "check", ValueError(text))
        for text in STRANGE_TEXTS
    ]
    DeadLetterOutputs("test", Store(str(tmp_path))).committed(letters)
    lines = capsys.readouterr().err.split("\n")[:-1]
    assert len(lines) == len(letters)
    for line in lines:
        assert not [letter for letter in line if ord(letter) < 32 or 128 <= ord(letter) < 160]
        assert len(line) < 5000
        if style == "json":
            assert json.loads(line)["event"] == "dead_letter_written"


def test_no_record_makes_a_metric_grow(tmp_path):
    fuzz_events(INPUTS[0], 200, tmp_path)
    before = _series()
    for topic in INPUTS:
        fuzz_events(topic, 200, tmp_path, first=10_000)
    assert _series() - before <= 2 * len(INPUTS)


@pytest.mark.parametrize("attempts", [b"9" * 5000, b"-1", b"\xff", b"", b"1e3", b"7"])
def test_any_count_of_attempts_is_taken(attempts):
    record = hostile_record(INPUTS[0], 0)
    record.raw_headers[:] = [(f"{PREFIX}attempts", attempts)]
    letter = dict(dead_letter(record, "decode", ValueError("why")).headers)
    assert letter[f"{PREFIX}attempts"] == (b"8" if attempts == b"7" else b"1")


def _series() -> int:
    metrics = (m for m in REGISTRY.collect() if m.name.startswith("stylecast_dead"))
    return len(
        {tuple(s.labels.items()) for m in metrics for s in m.samples if s.name.endswith("total")}
    )
