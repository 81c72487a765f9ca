"""The loop: a block of events is predicted from what stood before each, then learnt.

A state is what the product's rules make of a shopper's events up to then, so predictions of one
block are exact for every shopper; factors and popularity are as the block found them. The warm-up
is learnt and not predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.events import Feedback, UserState
from stylecore.arrays import Ints
from stylecore.fit import FitSettings
from stylecore.preferences import Rules, empty
from stylecore.prequential.contenders import CONTENDERS, lists
from stylecore.prequential.figures import Tally
from stylecore.prequential.protocol import Prequential, Protocol
from stylecore.prequential.shop import Shop
from stylecore.prequential.table import Row


@dataclass(frozen=True, slots=True)
class Question:
    """An event that is to be predicted, and what was known of its shopper just before."""

    state: UserState
    frozen: UserState
    """As the warm-up left it."""
    wanted: int
    masked: tuple[int, ...]
    shopper: int
    """Of which shopper, by number."""


def run(
    rows: Sequence[Row],
    protocol: Protocol,
    rules: Rules,
    settings: FitSettings,
    progress: Callable[[int], None] = lambda _: None,
) -> Prequential:
    """The table of all contenders; the same input gives the same table."""
    events = [row.event for row in rows]
    shop = Shop(rows, rules, settings)
    first = max(1, round(len(events) * protocol.warm_up))
    for event in events[:first]:
        shop.learn(event)
    race = Race(shop, protocol, events[first - 1])
    for start in range(first, len(events), protocol.block):
        block = events[start : start + protocol.block]
        race.predict_and_learn(block)
        progress(len(block))
    return race.result(len(events))


class Race:
    """All contenders on one shop, from the end of the warm-up on."""

    def __init__(self, shop: Shop, protocol: Protocol, last: Feedback) -> None:
        self._shop, self._protocol = shop, protocol
        self._factors = self._refitted = shop.refit(None, last.occurred_at)
        self._frozen = dict(shop.states)
        self._at_warm_up = shop.assortment(self._factors, last.occurred_at)
        self._tallies = [Tally(learns.name, len(shop.shoppers_of)) for learns in CONTENDERS]
        self._numbers: dict[str, int] = {}
        self._candidates = self._predicted = self._refits = self._since_refit = 0

    def predict_and_learn(self, block: Sequence[Feedback]) -> None:
        """Every contender's lists before each event, then the events, then a refit if due."""
        shop, now = self._shop, block[0].occurred_at
        live = shop.assortment(self._factors, now), shop.assortment(self._refitted, now)
        bits = shop.bits()
        questions = [asked for event in block for asked in self._ask(event)]
        wanted = np.array([asked.wanted for asked in questions], dtype=np.int64)
        shoppers = np.array([asked.shopper for asked in questions], dtype=np.int64)
        known = shop.evidence([asked.state for asked in questions], now)
        frozen = shop.evidence([asked.frozen for asked in questions], now)
        masked, k = _pairs(questions), self._protocol.k
        for learns, tally in zip(CONTENDERS, self._tallies, strict=True):
            assortment = live[learns.factors] if learns.events else self._at_warm_up
            done = known if learns.events else frozen
            found = lists(learns, done, assortment, masked, k)
            tally.add(found, wanted, shoppers, bits)
        self._predicted += len(questions)
        self._refit_if_due(block)

    def result(self, events: int) -> Prequential:
        """The table."""
        return Prequential(
            events=events,
            predicted=self._predicted,
            shoppers=len(self._shop.states),
            products=len(self._shop.shoppers_of),
            refits=self._refits,
            rows=tuple(
                tally.figures(np.random.default_rng(self._protocol.seed)) for tally in self._tallies
            ),
        )

    def _ask(self, event: Feedback) -> list[Question]:
        """The question of an event, if it is one, and the event is learnt.

        Learnt only: dismissals, what the protocol passes over, and products that the shopper had
        touched unless these may be predicted again.
        """
        shop, user, repeats = self._shop, event.user_id, self._protocol.repeats
        row, known = shop.catalogue.row_of[event.product_id], shop.touched[event.user_id]
        question = Question(
            state=shop.state_of(user),
            frozen=self._frozen.get(user) or empty(user),
            wanted=row,
            masked=() if repeats else tuple(known),
            shopper=self._numbers.setdefault(user, len(self._numbers)),
        )
        asked = event.kind != "dismiss" and (repeats or row not in known)
        shop.learn(event)
        self._candidates += asked
        return [question] if asked and self._candidates % self._protocol.every == 0 else []

    def _refit_if_due(self, block: Sequence[Feedback]) -> None:
        self._since_refit += len(block)
        if self._since_refit >= self._protocol.refit_events:
            self._refitted = self._shop.refit(self._refitted, block[-1].occurred_at)
            self._refits, self._since_refit = self._refits + 1, 0


def _pairs(questions: Sequence[Question]) -> tuple[Ints, Ints]:
    """Positions of questions and the rows that are masked in each."""
    counts = [len(asked.masked) for asked in questions]
    rows = [row for asked in questions for row in asked.masked]
    return np.repeat(np.arange(len(questions)), counts), np.array(rows, dtype=np.int64)
