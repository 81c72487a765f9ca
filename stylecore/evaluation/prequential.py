"""Prequential evaluation: each event of a stream is predicted before it is learned.

run -> Shop (states, popularity, factors by the product's own rules) -> Race (blocks of events:
every contender's top-k lists, then the events are learned, then a refit if due) -> Tally (figures
per contender) -> Prequential (the table). The warm-up is learned and not predicted.

A state follows from the shopper's events up to then, so the predictions of a block are exact for
every shopper; factors and popularity are as of the block's start. Every product of the stream is on
sale from the start. The contenders with factors rank as serving does, by the shopper's vector
against the features of the products plus the bonus for popularity. They differ in what they learn
after the warm-up; all but SHIPS count all of a history alike, by its age alone. Beside them are the
models of `baselines`.

Recall@k is the share of events whose product was in the list made just before; nDCG@k counts a hit
at rank r as 1 / log2(r + 1) (Jarvelin, Kekalainen 2002, with one relevant product). Coverage is the
share of the catalogue in any list, novelty the mean of -log2 of the share of shoppers who had
touched a listed product (Vargas, Castells 2011). Intervals resample whole shoppers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from msgspec import Struct

from schemas.events import Feedback, Product, UserState
from stylecore.arrays import Doubles, Floats, Ints
from stylecore.evaluation.baselines import MOST_EASE_PRODUCTS, ItemToItem, best_rows, ease
from stylecore.evaluation.off_policy import Terms, interval
from stylecore.evaluation.prequential_data import Row
from stylecore.recommender.als import FitSettings, fit
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors
from stylecore.recommender.interactions import ProductInteractions, by_product, gather
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import POPULARITY_BONUS
from stylecore.recommender.rules import Rules, lifetime
from stylecore.recommender.shopper_vectors import neighbour_additions, shopper_vectors
from stylecore.recommender.snapshot import CatalogSnapshot, arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules
from stylecore.recommender.top_k import NONE, top_k


@dataclass(frozen=True, slots=True)
class Protocol:
    """Parameters of the evaluation."""

    warm_up: float = 0.5
    """Share of the events that are learned before the first prediction."""
    refit_events: int = 5000
    every: int = 1
    """Every how many events one is predicted; all are learned."""
    block: int = 256
    k: int = 10
    repeats: bool = False
    """Whether products that a shopper has touched may be predicted again."""
    seed: int = 0


class Prequential(Struct, frozen=True, kw_only=True):
    """The table and the numbers behind it."""

    events: int
    predicted: int
    shoppers: int
    products: int
    refits: int
    rows: tuple[Figures, ...]


class Figures(Struct, frozen=True, kw_only=True):
    """One contender's row of the table."""

    learner: str
    recall_at_10: float
    low: float
    high: float
    ndcg_at_10: float
    coverage: float
    novelty: float


@dataclass(frozen=True, slots=True)
class Learns:
    """What a contender learns after the warm-up."""

    name: str
    personal: bool = True
    """Whether it uses the shopper's state."""
    events: bool = True
    """Whether states and popularity are updated; else both stay as after the warm-up."""
    factors: bool = False
    """Whether the factors of products are refitted."""
    ships: bool = False
    """Whether newer actions count more and neighbours are added, as in what ships."""


SHIPS, ITEM_TO_ITEM, EASE = "what ships", "item-to-item", "EASE"

CONTENDERS = (
    Learns("popularity", personal=False),
    Learns("static factors", events=False),
    Learns("fold-in"),
    Learns("fold-in, refits", factors=True),
    Learns(SHIPS, factors=True, ships=True),
)


def run(
    rows: Sequence[Row],
    protocol: Protocol,
    rules: Rules,
    settings: FitSettings,
    progress: Callable[[int], None] = lambda _: None,
) -> Prequential:
    """Evaluate all contenders; deterministic."""
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
    """All contenders on one shop, from the end of the warm-up."""

    def __init__(self, shop: Shop, protocol: Protocol, last: Feedback) -> None:
        self._shop, self._protocol = shop, protocol
        self._factors = self._refitted = shop.refit(None, last.occurred_at)
        self._frozen = dict(shop.states)
        self._at_warm_up = shop.snapshot(plain(self._factors), last.occurred_at)
        self._products = len(shop.shoppers_of)
        names = [*(learns.name for learns in CONTENDERS), ITEM_TO_ITEM]
        if self._products < MOST_EASE_PRODUCTS:
            names.append(EASE)
        self._tallies = {name: Tally(name, self._products) for name in names}
        self._ease = self._fit_ease()
        self._numbers: dict[str, int] = {}
        self._candidates = self._predicted = self._refits = self._since_refit = 0

    def predict_and_learn(self, block: Sequence[Feedback]) -> None:
        """Rank every contender's lists before each event, learn the events, refit if due."""
        shop, now = self._shop, block[0].occurred_at
        refitted = self._refitted
        snapshots = {
            (False, False): shop.snapshot(plain(self._factors), now),
            (True, False): shop.snapshot(plain(refitted), now),
            (True, True): shop.snapshot(refitted, now),
        }
        bits = shop.bits()
        questions = [asked for event in block for asked in self._ask(event)]
        wanted = np.array([asked.wanted for asked in questions], dtype=np.int64)
        shoppers = np.array([asked.shopper for asked in questions], dtype=np.int64)
        known = shop.interactions([asked.state for asked in questions], now)
        frozen = shop.interactions([asked.frozen for asked in questions], now)
        masked, k = _pairs(questions), self._protocol.k
        for learns in CONTENDERS:
            snapshot = snapshots[learns.factors, learns.ships]
            if not learns.events:
                snapshot = self._at_warm_up
            interactions = known if learns.events else frozen
            found = lists(learns, interactions, snapshot, masked, k)
            self._tallies[learns.name].add(found, wanted, shoppers, bits)
        similar = np.array([asked.similar for asked in questions], dtype=np.int64).reshape(-1, k)
        self._tallies[ITEM_TO_ITEM].add(similar, wanted, shoppers, bits)
        if self._ease is not None:
            linear = [
                best_rows(self._ease[list(asked.history)].sum(axis=0), asked.masked, k)
                for asked in questions
            ]
            found = np.array(linear, dtype=np.int64).reshape(-1, k)
            self._tallies[EASE].add(found, wanted, shoppers, bits)
        self._predicted += len(questions)
        self._refit_if_due(block)

    def result(self, events: int) -> Prequential:
        """Return the table."""
        return Prequential(
            events=events,
            predicted=self._predicted,
            shoppers=len(self._shop.states),
            products=len(self._shop.shoppers_of),
            refits=self._refits,
            rows=tuple(
                tally.figures(np.random.default_rng(self._protocol.seed))
                for tally in self._tallies.values()
            ),
        )

    def _ask(self, event: Feedback) -> list[Question]:
        """Learn an event; returns its question if it is to be predicted, else nothing.

        Not predicted: dismissals, events that the protocol skips, and products that the shopper had
        touched unless repeats are allowed.
        """
        shop, user, repeats = self._shop, event.user_id, self._protocol.repeats
        row, known = shop.catalogue.row_of[event.product_id], shop.touched[event.user_id]
        found = []
        if event.kind != "dismiss" and (repeats or row not in known):
            self._candidates += 1
            if self._candidates % self._protocol.every == 0:
                history = tuple(known)
                masked = () if repeats else history
                found.append(
                    Question(
                        state=shop.state_of(user),
                        frozen=self._frozen.get(user) or empty(user),
                        wanted=row,
                        history=history,
                        masked=masked,
                        similar=best_rows(shop.pairs.scores(history), masked, self._protocol.k),
                        shopper=self._numbers.setdefault(user, len(self._numbers)),
                    )
                )
        shop.learn(event)
        return found

    def _refit_if_due(self, block: Sequence[Feedback]) -> None:
        self._since_refit += len(block)
        if self._since_refit >= self._protocol.refit_events:
            self._refitted = self._shop.refit(self._refitted, block[-1].occurred_at)
            self._ease = self._fit_ease()
            self._refits, self._since_refit = self._refits + 1, 0

    def _fit_ease(self) -> Floats | None:
        if EASE not in self._tallies:
            return None
        return ease(list(self._shop.touched.values()), self._products)


def plain(factors: Factors | None) -> Factors | None:
    """Return the factors as they were used before there were ranks and neighbours."""
    if factors is None:
        return None
    return replace(factors, recency=lifetime(factors.alpha), blend=0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """An event to predict, with its shopper's state just before."""

    state: UserState
    frozen: UserState
    """The state after the warm-up."""
    wanted: int
    history: tuple[int, ...]
    """The rows that the shopper has touched, the last one last."""
    masked: tuple[int, ...]
    similar: Ints
    """[k], the list of `ItemToItem`."""
    shopper: int
    """The shopper's number."""


def _pairs(questions: Sequence[Question]) -> tuple[Ints, Ints]:
    """Pair positions of questions with the rows masked in each."""
    counts = [len(asked.masked) for asked in questions]
    rows = [row for asked in questions for row in asked.masked]
    return np.repeat(np.arange(len(questions)), counts), np.array(rows, dtype=np.int64)


class Shop:
    """States, popularity and touched products, updated event by event."""

    def __init__(self, rows: Sequence[Row], rules: Rules, settings: FitSettings) -> None:
        self.rules, self.settings = rules, settings
        self.catalogue = _catalogue(rows)
        self.states: dict[str, UserState] = {}
        self.touched: dict[str, dict[int, None]] = defaultdict(dict)
        """Shopper to the rows of products, the last one last."""
        self.pairs = ItemToItem(len(self.catalogue.product_ids))
        self.shoppers_of = np.zeros(len(self.catalogue.product_ids))
        """[P], the number of shoppers who have touched each product."""
        self.popularity = Popularity(self.catalogue, rules, rows[0].event.occurred_at)

    def state_of(self, user_id: str) -> UserState:
        """Return the shopper's state, empty for a new shopper."""
        return self.states.get(user_id) or empty(user_id)

    def learn(self, event: Feedback) -> None:
        """Update state, popularity and touched products by an event."""
        now, user = event.occurred_at, event.user_id
        self.states[user] = apply(self.state_of(user), event, now, self.rules)
        self.popularity.count(event, now)
        row = self.catalogue.row_of[event.product_id]
        touched = self.touched[user]
        if row not in touched:
            self.shoppers_of[row] += 1
            self.pairs.learn(row, touched)
        touched.pop(row, None)
        touched[row] = None

    def refit(self, previous: Factors | None, now: datetime) -> Factors | None:
        """Fit factors to all events so far, starting from the previous ones."""
        states = list(self.states.values())
        return fit(states, self.catalogue, previous, self.settings, self.rules, now)

    def snapshot(self, factors: Factors | None, now: datetime) -> CatalogSnapshot:
        """Build the snapshot of the catalogue that lists are ranked from."""
        return arrange(self.catalogue, factors, self.popularity.priors(now), ChoiceRules(), now)

    def interactions(self, states: Sequence[UserState], now: datetime) -> ProductInteractions:
        """Gather the states' interactions by the catalogue's rows."""
        catalogue = self.catalogue
        seen = gather(states, now, self.rules, catalogue.row_of, catalogue.column_of)
        return by_product(seen, len(catalogue.product_ids))

    def bits(self) -> Doubles:
        """Return -log2 of each product's share of the shoppers, with add-one smoothing, [P]."""
        bits: Doubles = -np.log2((self.shoppers_of + 1) / (len(self.states) + 1))
        return bits


def _catalogue(rows: Sequence[Row]) -> Catalogue:
    catalogue = Catalogue()
    category_of = {row.event.product_id: row.category for row in rows}
    for product_id, category in category_of.items():
        catalogue.put_product(
            Product(
                product_id=product_id, title=product_id, category=category, image_uri=product_id
            )
        )
    return catalogue


def lists(
    learns: Learns,
    interactions: ProductInteractions,
    snapshot: CatalogSnapshot,
    masked: tuple[Ints, Ints],
    k: int,
) -> Ints:
    """Rank the best k rows for each shopper, [B, k]; `masked` pairs shopper and row to exclude."""
    shoppers = len(interactions.starts) - 1
    vectors = np.zeros((shoppers, snapshot.features.shape[1]), dtype=np.float32)
    if learns.personal:
        vectors = shopper_vectors(snapshot, interactions)
    bonus = np.full((shoppers, 1), POPULARITY_BONUS, dtype=np.float32)
    on_top = neighbour_additions(snapshot, interactions) if learns.personal else None
    return top_k(np.hstack([vectors, bonus]), snapshot.ranked, k, *masked, additions=on_top).rows


class Tally:
    """Accumulates one contender's figures block by block."""

    def __init__(self, name: str, products: int) -> None:
        self.name = name
        self._gains: list[Doubles] = []
        self._shoppers: list[Ints] = []
        self._shown = np.zeros(products, dtype=np.bool_)
        self._bits, self._places = 0.0, 0

    def add(self, lists: Ints, wanted: Ints, shoppers: Ints, bits: Doubles) -> None:
        """Add lists [B, k], the events' rows and shoppers [B], and -log2 p by row [P]."""
        found = lists == wanted[:, None]
        gains = found / np.log2(np.arange(lists.shape[1]) + 2.0)
        self._gains.append(gains.sum(axis=1))
        self._shoppers.append(shoppers)
        listed = lists[lists != NONE]
        self._shown[listed] = True
        self._bits += float(bits[listed].sum())
        self._places += len(listed)

    def figures(self, random: np.random.Generator) -> Figures:
        """Compute the row; all 0 where nothing was predicted."""
        gains = np.concatenate([np.zeros(0), *self._gains])
        shoppers = np.concatenate([np.zeros(0, np.int64), *self._shoppers])
        hits = Terms((gains > 0).astype(np.float64), np.ones(len(gains)))
        low, high = interval(hits, shoppers, random) if len(gains) else (0.0, 0.0)
        return Figures(
            learner=self.name,
            recall_at_10=hits.value if len(gains) else 0.0,
            low=low,
            high=high,
            ndcg_at_10=float(gains.mean()) if len(gains) else 0.0,
            coverage=float(self._shown.mean()),
            novelty=self._bits / max(self._places, 1),
        )
