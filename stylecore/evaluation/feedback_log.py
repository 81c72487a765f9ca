"""Reads logs of choices: from feedback events, and from files of the Open Bandit Data set.

Feedback: an impression is a choice, and the actions on it are its reward. An action is credited to
the last impression before it of the same shopper, recommendation, product and style. Events that
cannot be joined are counted and left out: impressions without a propensity, a style or a
recommendation, and actions whose impression is not in the log. Styles that shoppers chose on
products' pages (policy `choice`) answer no impression.

Open Bandit Data (Saito, Aihara, Matsutani, Narita 2020): items of a fashion shop, shown at three
positions of a page; the position is the context, the item the action. Shoppers have no ids there,
so each row is its own unit. Features and affinities are not read.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.events import Feedback, FeedbackKind
from stylecore.errors import Permanent
from stylecore.evaluation.off_policy import Log, check, coded
from stylecore.recommender.rules import CHOICE

Key = tuple[str, str | None, str, str | None]

REWARDS: dict[str, frozenset[FeedbackKind]] = {
    "click": frozenset({"click", "cart", "purchase"}),
    "cart": frozenset({"cart", "purchase"}),
    "purchase": frozenset({"purchase"}),
}
"""Kinds of events that count as a reward: the one asked for and those that can only follow it."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The log and the numbers of events left out of it."""

    log: Log
    impressions_left_out: int
    actions_left_out: int


def join(events: Iterable[Feedback], reward: str = "click", policy: str | None = None) -> Joined:
    """Join events to a log: contexts are products, actions styles, units shoppers.

    `policy` keeps the impressions of that policy. An event_id counts once. Raises Permanent where
    nothing can be joined or the reward is unknown.
    """
    if reward not in REWARDS:
        raise Permanent(f"no reward {reward!r}; there are: {', '.join(REWARDS)}")
    different = {event.event_id: event for event in events}
    # At the same time an impression comes first: it was seen before it was clicked.
    ordered = sorted(different.values(), key=lambda e: (e.occurred_at, e.kind != "impression"))
    shown = [event for event in ordered if event.kind == "impression"]
    usable = [
        event
        for event in shown
        if None not in {event.propensity, event.style_id, event.recommendation_id}
        and policy in {None, event.policy}
    ]
    acted = [e for e in ordered if e.kind in REWARDS[reward] and e.policy != CHOICE]
    rewarded, orphans = _credited(usable, acted)
    return Joined(
        log=_log(usable, rewarded),
        impressions_left_out=len(shown) - len(usable),
        actions_left_out=orphans,
    )


def _credited(impressions: list[Feedback], actions: list[Feedback]) -> tuple[set[int], int]:
    """Find the positions of rewarded impressions, and count the actions that belong to none.

    Both lists are ordered by time. A cart after its click belongs to the click's impression.
    """
    places: dict[Key, list[int]] = defaultdict(list)
    for place, impression in enumerate(impressions):
        places[_key(impression)].append(place)
    rewarded, orphans = set(), 0
    for action in actions:
        seen = [
            place
            for place in places.get(_key(action), [])
            if impressions[place].occurred_at <= action.occurred_at
        ]
        if seen:
            rewarded.add(seen[-1])
        else:
            orphans += 1
    return rewarded, orphans


def _key(event: Feedback) -> Key:
    return event.user_id, event.recommendation_id, event.product_id, event.style_id


def _log(impressions: list[Feedback], rewarded: set[int]) -> Log:
    contexts, context = coded([event.product_id for event in impressions])
    actions, action = coded([event.style_id or "" for event in impressions])
    _, unit = coded([event.user_id for event in impressions])
    return check(
        Log(
            contexts=contexts,
            actions=actions,
            context=context,
            action=action,
            reward=np.array([float(n in rewarded) for n in range(len(impressions))]),
            propensity=np.array([event.propensity or 0.0 for event in impressions]),
            unit=unit,
        )
    )


COLUMNS = ("position", "item_id", "click", "propensity_score")


def read(path: Path) -> Log:
    """Read a log from CSV or CSV.gz. Raises Permanent where it cannot be read or lacks columns."""
    rows = _rows(path)
    contexts, context = coded([row[0] for row in rows])
    actions, action = coded([row[1] for row in rows])
    try:
        reward = np.array([float(row[2]) for row in rows])
        propensity = np.array([float(row[3]) for row in rows])
    except ValueError as problem:
        raise Permanent(f"{path}: {problem}") from problem
    return check(
        Log(
            contexts=contexts,
            actions=actions,
            context=context,
            action=action,
            reward=reward,
            propensity=propensity,
            unit=np.arange(len(rows)),
        )
    )


def _rows(path: Path) -> list[tuple[str, ...]]:
    open_file = gzip.open if path.suffix == ".gz" else open
    try:
        with open_file(path, "rt", encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            lacking = set(COLUMNS) - set(table.fieldnames or ())
            if lacking:
                raise Permanent(f"{path} has no column {', '.join(sorted(lacking))}")
            return [tuple(row[name] or "" for name in COLUMNS) for row in table]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as problem:
        raise Permanent(f"cannot read {path}: {problem}") from problem
