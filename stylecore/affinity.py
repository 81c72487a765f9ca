"""How much a shopper is for a style: the posterior log-odds of its being the favourite.

If f is the favourite, actions on what is seen come at the rate r q in f and q in every other style
(Poisson, with the odds r); of q only a Gamma prior is taken for granted, and it is integrated out.
With a of A actions and n of N impressions in f that leaves, against a style that was not seen yet,

    a log r - (A + a0) log(1 + (r - 1) n / (N + n0)),

where a0 of n0 impressions are the prior. So what was seen and left speaks against its style, by as
much as the shopper's own rate of actions makes it tell. Why something was shown does not matter
then; actions whose impression is not known add what their propensity gave
(`preferences.style_evidence`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from schemas.events import UserState
from stylecore.arrays import Doubles
from stylecore.decay import Moment, decay, each
from stylecore.preferences import Rules, counts_of

USUAL_ACTIONS = 3.0
"""The weight of the prior, a0; n0 is this over the shop's usual rate of actions."""


def by_style(
    states: Sequence[UserState], now: Moment, rules: Rules, column_of: Mapping[str, int]
) -> Doubles:
    """The log-odds of each shopper for each style, [B, K]; 0 where nothing is known."""
    times = each(now, len(states))
    all_counts = [counts_of(state, at, rules) for state, at in zip(states, times, strict=True)]
    lengths = [len(counts.styles) for counts in all_counts]
    told = [one for counts in all_counts for one in counts.styles]
    user = np.repeat(np.arange(len(states)), lengths)
    column = np.array([column_of.get(one.style_id, -1) for one in told], dtype=np.int64)
    decays = [
        decay(counts.at, at, rules.half_life) for counts, at in zip(all_counts, times, strict=True)
    ]
    left = np.repeat(decays, lengths)

    def table(numbers: list[float]) -> Doubles:
        """[B, K]; a style that the shop does not have takes the last column, which is cut off."""
        sums = np.zeros((len(states), max(column_of.values(), default=-1) + 2))
        np.add.at(sums, (user, column), left * np.array(numbers))
        return sums

    seen = table([one.seen for one in told])
    acted = table([one.acted for one in told])
    other = table([one.log_odds for one in told])
    return log_odds(seen, acted, other, rules)[:, :-1]


def log_odds(seen: Doubles, acted: Doubles, other: Doubles, rules: Rules) -> Doubles:
    """The formula above on decayed counts [B, K], plus the other log-odds [B, K]."""
    impressions = seen.sum(axis=1, keepdims=True) + USUAL_ACTIONS / rules.usual_rate
    actions = acted.sum(axis=1, keepdims=True) + USUAL_ACTIONS
    against = actions * np.log1p((rules.style_odds - 1.0) * seen / impressions)
    found: Doubles = acted * np.log(rules.style_odds) - against + other
    return found


def style_weights(state: UserState, now: datetime, rules: Rules) -> dict[str, float]:
    """The log-odds of one shopper by style: the readable form of `by_style`."""
    counts = counts_of(state, now, rules)
    left = decay(counts.at, now, rules.half_life)
    rows = [(left * one.seen, left * one.acted, left * one.log_odds) for one in counts.styles]
    seen, acted, other = np.array(rows).reshape(-1, 3).T[:, None]
    (found,) = log_odds(seen, acted, other, rules).tolist()
    return {one.style_id: odds for one, odds in zip(counts.styles, found, strict=True)}
