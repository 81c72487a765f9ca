"""Seeded hostile records of each input topic: each number is one record, the same everywhere."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from hostile.mutants import mutant

from schemas.generate import FOLDER
from schemas.topics import DEMAND, FEEDBACK, JOBS, POSTER_REQUESTS, PRODUCTS, STYLES, Topic
from workers.kafka.records import Record

INPUTS = (JOBS, FEEDBACK, PRODUCTS, STYLES, DEMAND, POSTER_REQUESTS)
NOW_MS = 1_790_000_000_000
MOST_BYTES = 1_100_000
STRANGE_TIMES = (0, -1, NOW_MS * 1000, NOW_MS * 2, 2**62, -(2**63), 946_684_800_000)

STRANGE_TEXTS = (
    *("", ".", "..", "*", "../../etc/passwd", "..\\..\\etc", "a/b", "/etc/passwd", "~root", "con"),
    *(
        "a\0b",
        "a\nb",
        "a\r\nlevel=error event=owned",
        '{"event":"owned"}\n',
        "\x1b[2J\x1b]0;owned\a",
    ),
    *("\u202etxt.exe", "\u2028", "\x9b31m", "\ufeff", "\U0001f9e8" * 50, "ß" * 199, "x" * 201),
    *("file:///etc/shadow", "http://169.254.169.254/", "s3://other/a", "data:,x", "simplecache::a"),
    *("{0.__class__}", "{{7*7}}", "%s%n", "$(reboot)", "'; DROP TABLE a;--", "<script>x</script>"),
    *("NaN", "Infinity", "1e999", "0x10", "true", "null", "2026-13-45T99:99:99Z", "x" * 100_000),
)
STRANGE_NUMBERS = (
    *(0, -1, 1e-320, 1e308, -1e308, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 10**400),
    *(0.1, float("nan"), float("inf"), float("-inf")),
)
STRANGE_VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None] * 1000, {"": {}})
STRANGE_BYTES = (
    *(b"", b"\xff", b"\0", b"9" * 5000, b"-1", b"x" * 50_000, b"\r\nowned: 1", b"\xed\xa0\x80"),
    b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-ff",
)
HEADERS = (
    *("ce_id", "ce_type", "ce_specversion", "ce_time", "content-type", "traceparent"),
    *("__connect.errors.attempts", "__connect.errors.topic", "stylecast.input.offset", "\n", ""),
)


def hostile_record(topic: Topic, number: int) -> Record:
    """A record whose value, key, headers or time somebody has bent, seldom all of them."""
    chance = random.Random(f"{topic.name} {number}")
    event = _sample(topic)
    key: bytes | None = "/".join(event[field] for field in topic.key).encode()
    value = _value(event, number, chance)
    if chance.random() < 0.2:
        texts = [text.encode() for text in STRANGE_TEXTS]
        key = chance.choice([None, *texts, *STRANGE_BYTES])
    return Record(
        topic=topic.name,
        partition=chance.randrange(4),
        offset=number,
        key=key,
        value=value,
        raw_headers=_headers(chance),
        timestamp_ms=chance.choice((*(NOW_MS,) * 9, *STRANGE_TIMES)),
    )


def _sample(topic: Topic) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(_golden(topic))
    return sample


def _golden(topic: Topic) -> bytes:
    return (FOLDER / "golden" / f"{topic.event.__name__}.v1.json").read_bytes()


def _value(event: dict[str, Any], number: int, chance: random.Random) -> bytes | None:
    kind = chance.random()
    if kind < 0.03:
        return None
    if kind < 0.06:
        return _nested(chance)
    for _ in range(0 if kind > 0.97 else chance.choice((1, 1, 1, 2, 5))):
        event = _bent(event, chance)
    text = json.dumps(event, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    if isinstance(event, dict) and chance.random() < 0.1:
        text = _doubled(text, event, chance)
    return mutant([text], number) if chance.random() < 0.3 else text


def _nested(chance: random.Random) -> bytes:
    depth = chance.choice((100, 1000, 100_000, 499_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"styles":[', b"]}")))
    return (opening * depth + closing * chance.choice((0, depth)))[:MOST_BYTES]


def _bent(event: Any, chance: random.Random) -> Any:
    """One place of the structure changed."""
    if isinstance(event, dict) and event and chance.random() < 0.85:
        name = chance.choice(sorted(event))
        change = chance.random()
        if change < 0.1:
            del event[name]
        elif change < 0.2:
            event[chance.choice(STRANGE_TEXTS)] = _strange(chance)
        else:
            event[name] = _bent(event[name], chance)
        return event
    if isinstance(event, list) and event and chance.random() < 0.7:
        at = chance.randrange(len(event))
        if chance.random() < 0.2:
            times = chance.choice((2, 100, 1500))
            # Bent five times, a nested list would grow to gigabytes.
            return event * times if len(json.dumps(event)) * times <= MOST_BYTES else event
        event[at] = _bent(event[at], chance)
        return event
    return _strange(chance)


def _strange(chance: random.Random) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: chance.choice(STRANGE_TEXTS),
        lambda: chance.choice(STRANGE_TEXTS),
        lambda: chance.choice(STRANGE_NUMBERS),
        lambda: copy.deepcopy(chance.choice(STRANGE_VALUES)),
        lambda: "".join(chr(chance.choice((0xD800, 0xDFFF, 0x41))) for _ in range(5)),
        lambda: "".join(chr(chance.randrange(0x20, 0x2FFF)) for _ in range(chance.randrange(250))),
    ]
    return chance.choice(choices)()


def _doubled(text: bytes, event: dict[str, Any], chance: random.Random) -> bytes:
    """The same key twice, with two values."""
    name = chance.choice(sorted(event) or ["a"])
    pair = json.dumps({name: _strange(chance)}).encode("utf-8", "surrogatepass")[1:-1]
    return text[:-1] + b", " + pair + b"}"


def _headers(chance: random.Random) -> list[tuple[str, bytes]]:
    return [
        (chance.choice(HEADERS), chance.choice(STRANGE_BYTES))
        for _ in range(chance.choice((0, 0, 1, 3)))
    ]
