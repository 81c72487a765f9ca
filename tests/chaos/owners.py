"""Owners of the feedback's partitions as processes, for tests of who owns what and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chaos.replay import replay
from chaos.slots import Slots
from integration.shop import click, latest, read_all

from schemas.events import Product
from schemas.topics import FEEDBACK, USER_STATES
from workers.kafka.producer import Publisher
from workers.lag import collect_lag
from workers.preferences.worker import rules_of
from workers.settings import Settings

SESSION_SECONDS, TRANSACTION_SECONDS = 6, 5
TESTS = Path(__file__).parents[1]


@contextmanager
def owners(environment: dict[str, str], folder: Path) -> Iterator[Slots]:
    """No process yet; those that are added and kept end with the block."""
    quick = {
        "PYTHONPATH": str(TESTS),
        "STYLECAST_LOG__FORMAT": "json",
        "STYLECAST_WORKER__SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
        "STYLECAST_WORKER__TRANSACTION_TIMEOUT_SECONDS": str(TRANSACTION_SECONDS),
        "STYLECAST_PREFERENCES__BATCH_RECORDS": "20",
    }
    slots = Slots({**environment, **quick}, folder)
    try:
        yield slots
    finally:
        slots.kill_all()


def join(slots: Slots, name: str) -> None:
    """Start an owner."""
    slots.add(name)
    slots.keep()


def send_clicks(settings: Settings, products: list[Product], numbers: range) -> None:
    """Clicks of forty shoppers, over all partitions."""
    with Publisher(settings, "/test") as publisher:
        for number in numbers:
            event = click(number, f"shopper-{number % 40}", products[number % len(products)])
            publisher.send(FEEDBACK, event, datetime.now(UTC))


def told(slots: Slots, name: str, event: str) -> list[dict]:
    """The log lines of an owner with this event."""
    lines = (slots.slots[name].folder / "log").read_text().splitlines()
    return [line for text in lines if (line := json.loads(text))["event"] == event]


def lag(settings: Settings) -> int:
    """Of the owners' group."""
    groups = {group.group: group.lag for group in collect_lag(settings)}
    return groups[f"{settings.kafka.topic_prefix}stylecast-preferences"]


def require_exactly_once(settings: Settings, products: list[Product]) -> None:
    """Every state is what a replay of the feedback gives, and none was ever anything else."""
    rules, _ = rules_of(settings.preferences)
    wanted = replay(
        read_all(settings, FEEDBACK), {product.product_id for product in products}, rules
    )
    states = read_all(settings, USER_STATES)
    assert latest(states) == wanted.states
    assert [s for s in states if s.value not in wanted.history[s.key or b""]] == []
