"""Hostile records through each input's decoder, as the workers use them: events or dead letters."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from generators import write_generator
from hostile.event_mutants import INPUTS, hostile_record

from schemas.codec import InvalidEvent, decode, encode
from schemas.events import Feedback, StylizeJob
from schemas.topics import DEMAND, PRODUCTS, STYLES, Topic
from schemas.types import ID_PATTERN
from stylecore.recommender.state import apply, empty
from stylecore.rendering.manifest import load_manifest
from workers.kafka.dead_letters import PREFIX, dead_letter, decode_records, is_dead_letter
from workers.kafka.records import (
    Misplaced,
    Output,
    Record,
    caused_headers,
    check_partition,
    output_of,
    timestamp_problem,
)
from workers.planner.planning import Planning, Shop
from workers.planner.worker import styles_of
from workers.preferences.state import checked_tombstones
from workers.preferences.worker import rules_of
from workers.settings import Settings

PARTITIONS = 4
SETTINGS = Settings()
RULES, _ = rules_of(SETTINGS.preferences)
BATCH = 50


def fuzz_events(topic: Topic, count: int, folder: Path, first: int = 0) -> dict[str, int]:
    """Hostile records of a topic through its worker's first steps; how many ended as what.

    Raises AssertionError where a promise is broken, and whatever else a decoder raises.
    """
    assert topic in INPUTS
    found: Counter[str] = Counter()
    planning = _planning(folder)
    end = first + count
    for start in range(first, end, BATCH):
        batch = [hostile_record(topic, number) for number in range(start, min(start + BATCH, end))]
        if topic in {PRODUCTS, STYLES, DEMAND}:
            outcomes = [_planned(planning, topic, record) for record in batch]
        else:
            outcomes = _decoded(batch, topic)
        found.update(outcomes)
    return {"records": count, "events": found["event"], "dead_letters": found["dead letter"]}


def _decoded(batch: Sequence[Record], topic: Topic) -> list[str]:
    """What stylize, preferences and posters do with a batch, up to the work itself."""
    present = [record for record in batch if record.value is not None]
    decoded, dead = decode_records(present, topic.event)
    assert len(decoded) + len(dead) == len(present)
    strictly = [_is_event(topic.event, record) for record in present]
    assert [record for record, _ in decoded] == [
        record for record, good in zip(present, strictly, strict=True) if good
    ]
    for record, event in decoded:
        require_safe(event)
        caused_headers(record)
        if isinstance(event, Feedback):
            try:
                elsewhere = check_partition(record, event.user_id, PARTITIONS)
            except Misplaced as problem:
                require_kept(record, dead_letter(record, "check", problem))
            else:
                assert elsewhere is None or elsewhere.value == record.value
            require_safe(apply(empty(event.user_id), event, record.at, RULES))
        else:
            output_of(SETTINGS, topic, event, source="/test", now=record.at, cause=record)
    for record in batch:
        if record.value is None:
            found: list[Output] = []
            checked_tombstones([record], PARTITIONS, found)
            for letter in filter(is_dead_letter, found):
                require_kept(record, letter)
    left = [record for record, good in zip(present, strictly, strict=True) if not good]
    for record, letter in zip(left, dead, strict=True):
        require_kept(record, letter)
    return ["event"] * len(decoded) + ["dead letter"] * (len(batch) - len(decoded))


def _is_event(event_type: type[Any], record: Record) -> bool:
    try:
        event = decode(event_type, record.value)
    except InvalidEvent:
        return False
    assert decode(event_type, encode(event)) == event
    return True


def _planned(planning: Planning, topic: Topic, record: Record) -> str:
    """What the planner does with a record."""
    wrong = timestamp_problem(record, time.time() * 1000)
    if wrong is not None:
        require_kept(record, dead_letter(record, "check", wrong))
        return "dead letter"
    take = {
        PRODUCTS.name: planning.take_product,
        STYLES.name: planning.take_style,
        DEMAND.name: planning.take_demand,
    }[topic.name]
    sent: list[Output] = []

    async def send(outputs: Sequence[Output]) -> None:
        sent.extend(outputs)

    try:
        asyncio.run(take(record, send))
    except InvalidEvent as problem:
        assert sent == []
        require_kept(record, dead_letter(record, "decode", problem))
        return "dead letter"
    for output in sent:
        if output.value is not None:
            require_safe(decode(StylizeJob, output.value))
    if len(planning.shop.products) > 5:
        planning.shop.products.clear()
    if len(planning.shop.styles) > 5:
        planning.shop.styles.clear()
    return "event"


def _planning(folder: Path) -> Planning:
    manifest = load_manifest(write_generator(folder, ["neon", "ink-line"]))
    shop = Shop({}, {}, styles_of(manifest, None))
    return Planning(SETTINGS, shop, manifest.version, lambda: datetime.now(UTC))


def require_safe(event: msgspec.Struct) -> None:
    """Its ids name no path and no line, and its numbers are numbers."""
    for kind, value in _leaves(msgspec.inspect.type_info(type(event)), event):
        if isinstance(value, float):
            assert math.isfinite(value)
        if isinstance(kind, msgspec.inspect.StrType) and kind.pattern == ID_PATTERN:
            assert "/" not in value
            assert value not in {"", ".", "..", "*"}
            assert not any(
                ord(character) < 32 or 127 <= ord(character) < 160 for character in value
            )


def _leaves(kind: Any, value: Any) -> list[tuple[Any, Any]]:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _leaves(kind.type, value)
    if isinstance(kind, msgspec.inspect.UnionType):
        fitting = [inner for inner in kind.types if not isinstance(inner, msgspec.inspect.NoneType)]
        return [] if value is None else _leaves(fitting[0], value)
    if isinstance(kind, msgspec.inspect.StructType):
        fields = kind.fields
        return [pair for f in fields for pair in _leaves(f.type, getattr(value, f.name))]
    if isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return [pair for item in value for pair in _leaves(kind.item_type, item)]
    if isinstance(kind, msgspec.inspect.DictType):
        pairs = value.items()
        return [
            pair
            for key, item in pairs
            for pair in (*_leaves(kind.key_type, key), *_leaves(kind.value_type, item))
        ]
    return [(kind, value)]


def require_kept(record: Record, letter: Output) -> None:
    """The dead letter is the record untouched, with a reason that is no longer than it may be."""
    assert (letter.key, letter.value) == (record.key, record.value)
    headers = dict(letter.headers)
    assert headers[f"{PREFIX}topic"] == record.topic.encode()
    assert headers[f"{PREFIX}exception.message"]
    assert sum(len(value) for name, value in headers.items() if name.startswith(PREFIX)) < 10_000
    others = [pair for pair in record.headers if not pair[0].startswith(PREFIX)]
    assert [pair for pair in letter.headers if not pair[0].startswith(PREFIX)] == others
