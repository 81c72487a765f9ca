"""The shop as a stream has made it so far, by the product's own rules.

Every product of the stream is on sale from the start. Which of it a contender may look at is not
known here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from schemas.events import Feedback, Product, UserState
from stylecore.arrays import Doubles
from stylecore.assortment import Assortment, arrange
from stylecore.catalogue import Catalogue
from stylecore.evidence import ProductEvidence, by_product, gather
from stylecore.factors import Factors
from stylecore.fit import FitSettings, fit
from stylecore.popularity import Popularity
from stylecore.preferences import Rules, apply, empty
from stylecore.prequential.table import Row
from stylecore.style_choice import ChoiceRules


class Shop:
    """States, popularity and who touched what; learns event by event."""

    def __init__(self, rows: Sequence[Row], rules: Rules, settings: FitSettings) -> None:
        self.rules, self.settings = rules, settings
        self.catalogue = _catalogue(rows)
        self.states: dict[str, UserState] = {}
        self.touched: dict[str, dict[int, None]] = defaultdict(dict)
        """By shopper, the rows of products; a dictionary keeps their order."""
        self.shoppers_of = np.zeros(len(self.catalogue.product_ids))
        """By row, how many shoppers have touched the product."""
        self.popularity = Popularity(self.catalogue, rules, rows[0].event.occurred_at)

    def state_of(self, user_id: str) -> UserState:
        """The shopper's state, empty where nothing is known."""
        return self.states.get(user_id) or empty(user_id)

    def learn(self, event: Feedback) -> None:
        """Take an event into the state, popularity and what counts as touched."""
        now, user = event.occurred_at, event.user_id
        self.states[user] = apply(self.state_of(user), event, now, self.rules)
        self.popularity.count(event, now)
        row = self.catalogue.row_of[event.product_id]
        self.shoppers_of[row] += row not in self.touched[user]
        self.touched[user][row] = None

    def refit(self, previous: Factors | None, now: datetime) -> Factors | None:
        """Factors of all that has been learnt, begun from the previous ones."""
        states = list(self.states.values())
        return fit(states, self.catalogue, previous, self.settings, self.rules, now)

    def assortment(self, factors: Factors | None, now: datetime) -> Assortment:
        """What can be recommended now."""
        return arrange(self.catalogue, factors, self.popularity.priors(now), ChoiceRules(), now)

    def evidence(self, states: Sequence[UserState], now: datetime) -> ProductEvidence:
        """What these states say of products, by the catalogue's rows."""
        catalogue = self.catalogue
        seen = gather(states, now, self.rules, catalogue.row_of, catalogue.column_of)
        return by_product(seen, len(catalogue.product_ids))

    def bits(self) -> Doubles:
        """-log2 of each product's share of the shoppers, one more counted everywhere, [P]."""
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
