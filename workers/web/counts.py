"""What the console counts: feedback by style, demand that waits, dead letters; rates of clicks.

The counted topics are not compacted: they are read from the oldest record that is retained, so the
counts cover the retention, seven days of feedback as shipped. Used by the event loop's thread
alone.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple, get_args

import msgspec

from schemas.cloudevents import header
from schemas.codec import InvalidEvent, decode
from schemas.events import FeedbackKind, StyleDemand
from schemas.topics import DEMAND, FEEDBACK, TOPICS, dead_letter_topic
from workers.kafka.crash_guard import count_crash
from workers.kafka.records import Record
from workers.kafka.replay import REPLAYED, DeadLetter, dead_letter_of

COUNTED = (FEEDBACK.name, DEMAND.name)
COUNTED_TOPICS: tuple[str, ...] = (
    *COUNTED,
    *(dead_letter_topic(topic.name) for topic in TOPICS if topic.dead_letters_of),
)
NO_STYLE = ""
STRANGE_KEPT = 500
LETTERS_KEPT = 500
DEMANDS_KEPT = 5000


class Acted(msgspec.Struct, frozen=True, gc=False):
    """What the counts need of feedback."""

    kind: FeedbackKind
    product_id: str = ""
    style_id: str | None = None
    recommendation_id: str | None = None


@dataclass
class EventCounters:
    """The counts so far."""

    has_style: Callable[[str, str], bool] = lambda *_: True
    """Whether the shop has a product_id in a style_id: anybody can write feedback."""
    acts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By style_id and kind: what was done to places of a recommended list. Of styles that the shop
    does not have the first ones count as NO_STYLE once there are many."""
    _strange: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """Those styles, the oldest first: their records may be on their way."""
    demand: OrderedDict[tuple[str, str], StyleDemand] = field(default_factory=OrderedDict)
    """By product_id and style_id, the newest last; `wanted` is the most of one window."""
    letters: OrderedDict[tuple[str, str], DeadLetter] = field(default_factory=OrderedDict)
    """By dead-letter topic and place, the newest last."""

    def take(self, changes: Iterable[tuple[str, Record]]) -> None:
        """Count records, each with its topic's contract name.

        What cannot be read is among the dead letters, and passed over here.
        """
        for name, record in changes:
            try:
                self._take(name, record)
            except InvalidEvent:
                continue
            except Exception as problem:  # noqa: BLE001 (the others are counted all the same)
                count_crash("web", record.topic, problem)

    def letter_of(self, name: str, key: str) -> DeadLetter | None:
        """Return the newest letter of a topic (its contract name) and key; None once replayed."""
        for (topic, _), letter in reversed(self.letters.items()):
            if topic == dead_letter_topic(name) and letter.record.key == key.encode():
                return None if letter.replayed else letter
        return None

    def _take(self, name: str, record: Record) -> None:
        if name == FEEDBACK.name:
            if record.value is not None:
                self._count(decode(Acted, record.value))
        elif name == DEMAND.name:
            self._want(decode(StyleDemand, record.value))
        else:
            self._keep(name, record)

    def _count(self, act: Acted) -> None:
        if act.recommendation_id is None or act.style_id is None:
            return
        self.acts[act.style_id, act.kind] += 1
        if self.has_style(act.product_id, act.style_id):
            return
        self._strange[act.style_id] = None
        if len(self._strange) > STRANGE_KEPT:
            style_id, _ = self._strange.popitem(last=False)
            if not self.has_style("", style_id):  # its record has not come since
                for kind in get_args(FeedbackKind):
                    self.acts[NO_STYLE, kind] += self.acts.pop((style_id, kind), 0)

    def _want(self, demand: StyleDemand) -> None:
        pair = (demand.product_id, demand.style_id)
        before = self.demand.pop(pair, None)
        # Over windows the same shopper would count again.
        most = max(demand.wanted, before.wanted if before else 0)
        self.demand[pair] = msgspec.structs.replace(demand, wanted=most)
        if len(self.demand) > DEMANDS_KEPT:
            self.demand.popitem(last=False)

    def _keep(self, name: str, record: Record) -> None:
        replayed = header(record.headers, f"{REPLAYED}offset")
        if replayed is not None:
            place = (name, f"{record.partition}/{replayed.decode(errors='replace')}")
            if place in self.letters:
                self.letters[place] = msgspec.structs.replace(self.letters[place], replayed=True)
            return
        letter = dead_letter_of(record, replayed=False)
        self.letters[name, letter.place] = letter
        if len(self.letters) > LETTERS_KEPT:
            self.letters.popitem(last=False)


Z = 1.959964
"""Standard normal quantile of .975: intervals of 95 %."""


class Rate(NamedTuple):
    """A share and its interval, all 0 to 1."""

    share: float
    low: float
    high: float


def wilson(hits: int, trials: int) -> Rate | None:
    """Return the share of hits with Wilson's score interval (1927); None without trials.

    More hits than trials, as where a page sent its clicks and not its impressions, count as all.
    """
    if trials <= 0:
        return None
    share = min(hits, trials) / trials
    middle = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    spread = share * (1 - share) / trials + Z**2 / (4 * trials**2)
    half = Z / (1 + Z**2 / trials) * sqrt(spread)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))
