"""Rules of the preferences: weights of feedback, half-life, recency and cool-down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from stylecore.errors import SettingsError

LONGEST_HISTORY = 1000
CHOICE = "choice"
"""The policy of an action by which a shopper chose a style among several that were shown side by
side, such as on a product's page; its propensity is 1 over their number."""
KIND_WEIGHTS = MappingProxyType({"click": 1.0, "cart": 3.0, "purchase": 5.0})


@dataclass(frozen=True, slots=True)
class Recency:
    """Weights of a shopper's newest products by rank: scale * decay^k, k = 0 the newest."""

    scale: float = 5.0
    """What the weight of the newest adds to its confidence of 1, above 0."""
    decay: float = 0.8
    """Of each next one, above 0 and at most 1."""
    newest: int = 20
    """Products that count; older ones do not, except dismissed ones."""


def lifetime(scale: float) -> Recency:
    """Return the recency that counts all of a history alike, as the fit itself does."""
    return Recency(scale=scale, decay=1.0, newest=LONGEST_HISTORY)


@dataclass(frozen=True, slots=True)
class Rules:
    """How feedback counts and how long."""

    half_life: timedelta = timedelta(days=30)
    """After this time a weight counts half."""
    cool_down: timedelta = timedelta(days=14)
    """How long a dismissed or purchased product is not offered again."""
    history: int = 200
    """Products, each in a style, that a state keeps at most."""
    repeat_events: int = 256
    repeat_window: timedelta = timedelta(hours=24)
    """An event_id seen within both bounds is a repetition."""
    weight_cap: float = 100.0
    """What any number of events can bring one product to: twenty purchases."""
    style_odds: float = 10.0
    """How many times likelier a click in the favourite style is taken to be than in another."""
    usual_rate: float = 0.05
    """The prior share of impressions that are acted on (`style_policy.log_odds`)."""
    changes: int = 6
    """Places of a shopper's list that an action changes at most at once (`shelf`)."""
    kind_weights: Mapping[str, float] = field(default_factory=lambda: KIND_WEIGHTS)

    def __post_init__(self) -> None:
        if self.half_life <= timedelta(0):
            raise SettingsError(f"half_life must be longer than nothing, not {self.half_life}")
        if not self.style_odds > 1:
            raise SettingsError(f"style_odds must be above 1, not {self.style_odds}")
        if not 0 < self.usual_rate <= 1:
            raise SettingsError(f"usual_rate must be above 0 and at most 1, not {self.usual_rate}")
        if not self.changes >= 0:
            raise SettingsError(f"changes must be at least 0, not {self.changes}")
        if not 1 <= self.history <= LONGEST_HISTORY:
            raise SettingsError(
                f"history must be 1 to {LONGEST_HISTORY} products, not {self.history}"
            )
        if not 1 <= self.repeat_events <= 256:
            raise SettingsError(f"repeat_events must be 1 to 256, not {self.repeat_events}")


def decay(since: datetime, now: datetime, half_life: timedelta) -> float:
    """Return 2^(-age / half-life), and 1 where `since` is in the future."""
    age: float = (now - since).total_seconds()
    share: float = 2.0 ** (-age / half_life.total_seconds()) if age > 0 else 1.0
    return share


def in_cool_down(since: datetime | None, now: datetime, rules: Rules) -> bool:
    """Return whether a dismissal or purchase at `since` still keeps its product off the list."""
    # As a difference: a time less a cool-down may lie before year 1.
    return since is not None and now - since < rules.cool_down
