"""The command line: exit codes, one-line errors, what is written where."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import stylecast

from schemas.codec import encode
from schemas.events import Campaign, Feedback, Style
from workers.__main__ import COMMANDS
from workers.commands.events import readable
from workers.commands.printing import print_table
from workers.demo.inputs import sample_products
from workers.kafka.records import Record

PHOTOS = [product.image_uri for product in sample_products()[:2]]


def process(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "workers", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_lists_every_command():
    shown = process("--help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in COMMANDS)


def test_wrong_usage_is_exit_2():
    assert process("nonsense").returncode == 2
    assert stylecast("render").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["settings"], {"STYLECAST_LAG__INTERVAL_SECONDS": "-1"}, "LAG__INTERVAL_SECONDS"),
        (["render", PHOTOS[0], "--style", "noen", "--output", "x"], {}, "there are: watercolour"),
        (["render", "no.jpg", "--style", "neon", "--output", "x"], {}, "cannot read no.jpg"),
        (["render", PHOTOS[0], "--output", "x"], {}, "give --style, --reference or --palette"),
        (["render", PHOTOS[0], "--palette", "red", "--output", "x"], {}, "'red' is no colour"),
        (["render", "{folder}", "--style", "neon", "--output", "x"], {}, "no photos"),
        (
            ["render", PHOTOS[0], "{folder}/{name}", "--style", "neon", "--output", "x"],
            {},
            "same file",
        ),
        (["render", PHOTOS[0], "--style", "neon", "--output", __file__], {}, "cannot write to"),
        (["styles"], {"STYLECAST_STYLIZE__MODEL": "/nowhere"}, "/nowhere"),
        (["demo", "--products", "/nowhere"], {}, "no photos"),
        (["topics", "apply"], {"STYLECAST_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "topics"),
        (["publish", "feedback", "/nowhere"], {}, "cannot read /nowhere"),
    ],
)
def test_a_failure_is_one_line_and_exit_1(tmp_path, arguments, environment, told):
    given = [text.format(folder=tmp_path, name=Path(PHOTOS[0]).name) for text in arguments]
    failed = stylecast(*given, **environment)
    assert failed.returncode == 1
    (line,) = failed.stderr.strip().splitlines()
    assert line.startswith("stylecast: ")
    assert told in line


def test_render_writes_a_picture_a_style_and_photo_and_a_contact_sheet(tmp_path):
    blend = "watercolour=0.7,ink-line=0.3"
    chosen = ("--style", "neon", "--style", blend, "--no-gate", "--output", tmp_path)
    done = process("render", *PHOTOS, *chosen)
    assert done.returncode == 0, done.stderr
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.webp"))
    stems = sorted(photo.rsplit("/", 1)[1].removesuffix(".jpg") for photo in PHOTOS)
    assert written == [
        f"{s}/{stem}.webp" for s in ("neon", "watercolour+ink-line") for stem in stems
    ]
    assert (tmp_path / "contact-sheet.jpg").stat().st_size > 10_000


def test_a_picture_and_a_palette_are_styles(tmp_path):
    colours = ("--palette", "#0a3d62,#f8efba", "--no-gate", "--output", tmp_path)
    liked = stylecast("render", PHOTOS[0], "--reference", PHOTOS[1], *colours)
    assert liked.returncode == 0, liked.stderr
    assert stylecast("render", PHOTOS[0], *colours).returncode == 0
    folders = {path.parent.name for path in tmp_path.rglob("*.webp")}
    assert folders == {Path(PHOTOS[1]).stem, "palette"}


def test_the_gate_leaves_out_what_it_rejects_unless_told_not_to(tmp_path):
    strict = {"STYLECAST_STYLIZE__MINIMUM_STRUCTURE": "0.9999"}
    flags = ("render", PHOTOS[0], "--style", "neon", "--output", tmp_path)
    gated = stylecast(*flags, **strict)
    assert "structure" in gated.stderr
    assert list(tmp_path.rglob("*.webp")) == []
    assert stylecast(*flags, "--no-gate", **strict).returncode == 0
    assert len(list(tmp_path.rglob("*.webp"))) == 1


def test_styles_tell_programs_name_kind_paper_and_swatch():
    styles = json.loads(stylecast("styles", "--json").stdout)
    assert len(styles) >= 6
    for style in styles:
        assert {"style_id", "label", "kind", "paper", "colour_only", "description"} <= style.keys()
        assert os.path.getsize(style["swatch"]) > 100  # noqa: PTH202


@pytest.mark.parametrize(
    ("topic", "event", "why"),
    [
        (
            "styles",
            Style(
                style_id="house",
                label="House",
                weights={"neon": 1.0, "pastel": 1.0},
                campaign=Campaign(
                    starts_at=datetime(1, 1, 1, tzinfo=UTC),
                    ends_at=datetime(9999, 12, 31, tzinfo=UTC),
                ),
            ),
            "campaign: starts_at 0001-01-01T00:00:00+00:00 is more than ten years from now",
        ),
        (
            "feedback",
            Feedback(
                event_id="e",
                user_id="ada",
                kind="click",
                product_id="mug",
                occurred_at=datetime(1970, 1, 1, tzinfo=UTC),
            ),
            "occurred_at 1970-01-01T00:00:00+00:00 is before 2000",
        ),
    ],
)
def test_a_time_that_cannot_be_meant_is_told_by_its_line(tmp_path, topic, event, why):
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n" + encode(event))
    failed = stylecast("publish", topic, file)
    assert failed.returncode == 1
    assert f"line 2: {why}" in " ".join(failed.stderr.split())


def test_a_wrong_line_is_told_by_its_number_and_nothing_is_sent(tmp_path):
    file = tmp_path / "products.jsonl"
    good = '{"product_id":"a","title":"A","category":"c","image_uri":"a.jpg"}'
    wrong = good.replace('"c"', "7")
    file.write_text(f"{good}\n\n{wrong}\nnot json\n")
    failed = stylecast("publish", "products", file)
    assert failed.returncode == 1
    assert "line 3: not a valid Product" in failed.stderr
    assert "$.category" in failed.stderr
    assert "line 4: not JSON" in failed.stderr
    assert "nothing was sent" in failed.stderr


def test_the_version_is_told():
    shown = stylecast("--version")
    assert (shown.returncode, shown.stdout.split()[0]) == (0, "stylecast")


def test_a_table_that_is_too_wide_for_the_terminal_is_printed_a_field_a_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    row = {
        "topic": "feedback.events.v1",
        "time": "2026-11-27T10:00:00+00:00",
        "error": "InvalidEvent",
        "message": "not a valid Feedback: Object missing required field `product_id` \x1b[2J",
        "stage": "decode",
    }
    print_table("Dead letters", [row, row])
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("  topic    feedback.events.v1") == 2
    message = "not a valid Feedback: Object missing required field `product_id` \\x1b[2J"
    assert lines.count(f"  message  {message}") == 2
    print_table("Lag", [{"group": "stylecast-preferences", "lag": 1234}])
    assert "│ stylecast-preferences │ 1234 │" in capsys.readouterr().out


def test_standard_input_that_is_not_utf_8_is_told():
    ended = subprocess.run(
        [sys.executable, "-m", "workers", "publish", "products"],
        input=b"x\xff\n",
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert b"standard input is not UTF-8" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_value_that_is_nested_deep_is_shown_as_text():
    record = Record(
        topic="t",
        partition=0,
        offset=0,
        key=b"k",
        value=b'{"a":' * 50_000,
        raw_headers=[],
        timestamp_ms=-1,
    )
    assert str(readable(record)["value"]).startswith('{"a":')
