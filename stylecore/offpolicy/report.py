"""One target's row: what it would have earned by four estimates, or why that cannot be said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from stylecore.arrays import Doubles
from stylecore.offpolicy.bootstrap import interval
from stylecore.offpolicy.doubly_robust import cross_fitted_doubly_robust
from stylecore.offpolicy.importance import ips, snips
from stylecore.offpolicy.log import Log, check, restricted
from stylecore.offpolicy.replay import kept, replay
from stylecore.offpolicy.terms import Terms
from stylecore.offpolicy.weights import effective_sample_size, importance

SMALLEST_SAMPLE = 100.0
"""Effective choices under which no figure is given."""
FEWEST_REWARDED = 5
"""Rewarded choices with weight under which no figure is given: an interval needs some to move."""


class Estimate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure with its interval, or the reason why there is none."""

    method: str
    effective_sample: float
    value: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


class TargetReport(Struct, frozen=True, kw_only=True):
    """What a target would have earned."""

    target: str
    choices: int
    supported: float
    """Share of the log's choices in whose context the target could act; the rest is left out."""
    estimates: tuple[Estimate, ...]


def own_value(log: Log, random: np.random.Generator) -> Estimate:
    """What the logging policy itself earned."""
    ones = np.ones(len(check(log)))
    return _estimate("mean", Terms(log.reward, ones), ones, log, random, SMALLEST_SAMPLE)


def evaluate_target(
    name: str,
    log: Log,
    target: Doubles,
    random: np.random.Generator,
    smallest_sample: float = SMALLEST_SAMPLE,
) -> TargetReport:
    """Four estimates of a target [C, A]. Raises Permanent where the log is not one."""
    acts = target.sum(axis=1)[check(log).context] > 0
    log = restricted(log, acts)
    weights = importance(log, target)
    uniforms = random.random(len(log))
    stays = kept(weights, uniforms)
    methods: tuple[tuple[str, Callable[[], Terms], Doubles], ...] = (
        ("replay", lambda: replay(log, weights, uniforms), stays),
        ("IPS", lambda: ips(log, weights), weights),
        ("SNIPS", lambda: snips(log, weights), weights),
        ("doubly robust", lambda: cross_fitted_doubly_robust(log, weights, target), weights),
    )
    return TargetReport(
        target=name,
        choices=len(log),
        supported=float(acts.mean()),
        estimates=tuple(
            _estimate(method, terms(), counted, log, random, smallest_sample)
            for method, terms, counted in methods
        ),
    )


def refusal(effective: float, rewarded: int, choices: int, smallest: float) -> str | None:
    """Why no figure is given, in a sentence; None where one can be."""
    if effective < smallest:
        return (
            f"no figure: {choices} choices tell as much as {effective:.0f} of the target's own, "
            f"and {smallest:.0f} are wanted"
        )
    if rewarded < FEWEST_REWARDED:
        return (
            f"no figure: {rewarded} of the choices that count were rewarded, "
            f"and {FEWEST_REWARDED} are wanted"
        )
    return None


def _estimate(
    method: str,
    terms: Terms,
    counted: Doubles,
    log: Log,
    random: np.random.Generator,
    smallest: float,
) -> Estimate:
    effective = effective_sample_size(counted)
    rewarded = int(((counted > 0) & (log.reward != 0)).sum())
    why = refusal(effective, rewarded, len(log), smallest)
    if why is not None:
        return Estimate(method=method, effective_sample=effective, refused=why)
    low, high = interval(terms, log.unit, random)
    return Estimate(
        method=method, effective_sample=effective, value=terms.value, low=low, high=high
    )
