"""Choose styles: affinities, propensities and deterministic random draws.

Affinity (`by_style`): the posterior log-odds of a style being the shopper's favourite. If f is the
favourite, actions on what is seen come at the rate r q in f and q in every other style (Poisson,
with the odds r); q has a Gamma prior and is integrated out. With a of A actions and n of N
impressions in f that leaves, against a style that was not seen yet,

    a log r - (A + a0) log(1 + (r - 1) n / (N + n0)),

where a0 of n0 impressions are the prior. Impressions without an action count against their style,
in proportion to the shopper's own rate of actions, and the reason for showing it does not matter.
Actions whose impression is not known add what their propensity gave (`state.style_evidence`).

Policy (`propensities`, `draw`): the logit of a style is the affinity, plus the logarithm of its
share in the product's category, smoothed by its share in the shop (Dirichlet priors), and, while
its campaign runs, of the campaign's weight. The policy is the softmax over the pictures that may be
shown, mixed with a uniform floor. The draw is Gumbel-max with noise hashed from shopper, product,
style, day and factor version, so that a click changes probabilities without reshuffling the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from math import inf

import numpy as np

from schemas.events import UserState
from stylecore.arrays import Bools, Doubles, Floats, Ints, Unsigned
from stylecore.errors import SettingsError
from stylecore.recommender.catalog import key_of
from stylecore.recommender.interactions import Moment, each
from stylecore.recommender.rules import Rules, decay
from stylecore.recommender.state import counts_of

USUAL_ACTIONS = 3.0
"""The weight of the prior, a0; n0 is this over the shop's usual rate of actions."""


def by_style(
    states: Sequence[UserState], now: Moment, rules: Rules, column_of: Mapping[str, int]
) -> Doubles:
    """Return the log-odds of each shopper for each style, [B, K]; 0 where nothing is known."""
    times = each(now, len(states))
    all_counts = [counts_of(state, at, rules) for state, at in zip(states, times, strict=True)]
    lengths = [len(counts.styles) for counts in all_counts]
    entries = [one for counts in all_counts for one in counts.styles]
    user = np.repeat(np.arange(len(states)), lengths)
    column = np.array([column_of.get(one.style_id, -1) for one in entries], dtype=np.int64)
    decays = [
        decay(counts.at, at, rules.half_life) for counts, at in zip(all_counts, times, strict=True)
    ]
    left = np.repeat(decays, lengths)

    def table(numbers: list[float]) -> Doubles:
        """Sum to [B, K + 1]; styles that the shop does not have take the last column."""
        sums = np.zeros((len(states), max(column_of.values(), default=-1) + 2))
        np.add.at(sums, (user, column), left * np.array(numbers))
        return sums

    seen = table([one.seen for one in entries])
    acted = table([one.acted for one in entries])
    other = table([one.log_odds for one in entries])
    return log_odds(seen, acted, other, rules)[:, :-1]


def log_odds(seen: Doubles, acted: Doubles, other: Doubles, rules: Rules) -> Doubles:
    """Return the formula above on decayed counts [B, K], plus the other log-odds [B, K]."""
    impressions = seen.sum(axis=1, keepdims=True) + USUAL_ACTIONS / rules.usual_rate
    actions = acted.sum(axis=1, keepdims=True) + USUAL_ACTIONS
    against = actions * np.log1p((rules.style_odds - 1.0) * seen / impressions)
    found: Doubles = acted * np.log(rules.style_odds) - against + other
    return found


POLICY = "posterior-softmax-2"
"""The policy's name in events; a change of its formula is a new name."""
RENEWED = np.uint64(4)
"""One in this many products redraws its style at an action of the shopper."""


@dataclass(frozen=True, slots=True)
class ChoiceRules:
    """The policy's settings."""

    exploration: float = 0.1
    """Probability spread over all of a product's styles alike: the floor is this over K."""
    most_affinity: float = 12.0
    """Log-odds, for or against, beyond which a shopper's affinity does not grow: tastes change."""
    category_prior: float = 100.0
    """Weight, in log-odds, of the shop's shares against a category's, and of equal shares against
    the shop's."""
    campaign_weight: float = 4.0
    """What a campaign of priority 0 multiplies its style's odds by, at least 1; its square is that
    of priority 100."""

    def __post_init__(self) -> None:
        if not 0 < self.exploration <= 1:
            raise SettingsError(f"exploration must be above 0 and at most 1: {self.exploration}")
        if not 1 <= self.campaign_weight < inf:
            raise SettingsError(f"campaign_weight must be at least 1: {self.campaign_weight}")


@dataclass(frozen=True, slots=True)
class Choice:
    """The drawn styles and their exact probabilities, [B, k] each."""

    columns: Ints
    propensities: Doubles


def style_priors(category_style: Floats, rules: ChoiceRules) -> Doubles:
    """Return the styles' shares in each category, [C + 1, K]; the last row is the whole shop's."""
    weights = np.maximum(category_style.astype(np.float64), 0.0)
    styles = weights.shape[1]
    shop = weights.sum(axis=0) + rules.category_prior / styles
    shop = shop / shop.sum()
    shares = weights + rules.category_prior * shop
    shares = shares / shares.sum(axis=1, keepdims=True)
    return np.concatenate([shares, shop[None]])


def propensities(
    affinities: Doubles, priors: Doubles, available: Bools, rules: ChoiceRules
) -> Doubles:
    """Return the probability of each style, [B, k, K]; 0 where there is no picture.

    `affinities` [B, K] are the shoppers' log-odds, `priors` [B, k, K] the shares in the products'
    categories, brought to sum 1 here, `available` [B, k, K] the pictures that may be shown, at
    least one a product.
    """
    odds = np.exp(np.clip(affinities, -rules.most_affinity, rules.most_affinity))
    powers = odds[:, None, :] * priors * available
    softmax = powers / powers.sum(axis=2, keepdims=True)
    floor = available / available.sum(axis=2, keepdims=True)
    mixed: Doubles = (1.0 - rules.exploration) * softmax + rules.exploration * floor
    return mixed


def draw(probabilities: Doubles, uniforms: Doubles) -> Choice:
    """Draw one style a product by Gumbel-max: exactly with the probabilities, [B, k, K] each."""
    with np.errstate(divide="ignore"):
        perturbed = np.log(probabilities) - np.log(-np.log(uniforms))
    columns = perturbed.argmax(axis=2)
    drawn = np.take_along_axis(probabilities, columns[:, :, None], axis=2)[:, :, 0]
    return Choice(columns=columns, propensities=drawn)


def shopper_keys(user_ids: Sequence[str], now: Moment, version: str) -> Unsigned:
    """Hash each shopper, the shopper's day in UTC and the factor version to 64 bits, [B]."""
    times = each(now, len(user_ids))
    days = [at.astimezone(UTC).toordinal() for at in times]
    text_of = {day: date.fromordinal(day).isoformat() for day in set(days)}
    return np.array(
        [
            key_of(user_id, text_of[day], version)
            for user_id, day in zip(user_ids, days, strict=True)
        ],
        dtype=np.uint64,
    )


def uniform_noise(
    shoppers: Unsigned, actions: Unsigned, products: Unsigned, styles: Unsigned
) -> Doubles:
    """Hash to numbers in (0, 1), [B, k, K], from keys [B], [B, k] and [K].

    `actions` [B] counts what each shopper did of late: with each action one product in
    `RENEWED` is redrawn, so that lists change gradually and no draw is permanent.
    """
    pairs = mixed_bits(shoppers[:, None] ^ products)
    pairs = mixed_bits(pairs + (pairs % RENEWED + actions[:, None]) // RENEWED)
    bits = mixed_bits(pairs[:, :, None] ^ styles)
    return uniform(bits)


def uniform(bits: Unsigned) -> Doubles:
    """Return numbers in (0, 1) from 64 random bits each; never 0 or 1."""
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def mixed_bits(keys: Unsigned) -> Unsigned:
    """Mix bits as splitmix64's finaliser (Steele, Lea, Flood 2014): a bit in moves half of all."""
    bits = keys + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
