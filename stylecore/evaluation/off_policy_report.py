"""Off-policy report: four estimates for a target policy, or why no figure can be given.

Target policies are uniform chances, one fixed action, or another log's policy: pi [C, A] with rows
summing to 1 over the actions that the log has seen in a context. A row of zeros marks a context in
which the target could not act; such contexts are left out and reported as unsupported.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from stylecore.arrays import Bools, Doubles
from stylecore.errors import Permanent
from stylecore.evaluation.off_policy import (
    Log,
    Terms,
    check,
    cross_fitted_doubly_robust,
    effective_sample_size,
    importance,
    interval,
    ips,
    kept,
    replay,
    restricted,
    snips,
)

SMALLEST_SAMPLE = 100.0
"""Least effective sample size for a figure."""

FEWEST_REWARDED = 5
"""Least number of rewarded choices with weight for a figure; an interval needs a few."""


class Estimate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure with its interval, or the reason for its absence."""

    method: str
    effective_sample: float
    value: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


class TargetReport(Struct, frozen=True, kw_only=True):
    """Estimates of a target's mean reward."""

    target: str
    choices: int
    supported: float
    """Share of the log's choices in whose context the target can act; the rest is left out."""
    estimates: tuple[Estimate, ...]


def own_value(log: Log, random: np.random.Generator) -> Estimate:
    """Estimate the logging policy's own mean reward."""
    ones = np.ones(len(check(log)))
    return _estimate("mean", Terms(log.reward, ones), ones, log, random, SMALLEST_SAMPLE)


def evaluate_target(
    name: str,
    log: Log,
    target: Doubles,
    random: np.random.Generator,
    smallest_sample: float = SMALLEST_SAMPLE,
) -> TargetReport:
    """Compute four estimates for a target [C, A]. Raises Permanent for an invalid log."""
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


def refusal(effective: float, rewarded: int, choices: int, smallest: float) -> str | None:
    """Explain in a sentence why no figure is given; None where one is."""
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


def seen(log: Log) -> Bools:
    """Mark the actions that the log has chosen in each context, [C, A]."""
    found = np.zeros((len(log.contexts), len(log.actions)), dtype=np.bool_)
    found[log.context, log.action] = True
    return found


def even(log: Log) -> Doubles:
    """Give every action seen in a context the same probability, [C, A]."""
    found = seen(log)
    shares: Doubles = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    return shares


def always(log: Log, action: str) -> Doubles:
    """Choose one action wherever it was seen, [C, A]. Raises Permanent for an unknown action."""
    if action not in log.actions:
        raise Permanent(f"no {action!r} in the log; there are: {', '.join(log.actions)}")
    target = np.zeros((len(log.contexts), len(log.actions)))
    code = log.actions.index(action)
    target[:, code] = seen(log)[:, code]
    return target


def averaged(log: Log, other: Log) -> Doubles:
    """Estimate another log's policy by its mean propensities, normalized per context, [C, A].

    An action is logged more often while it is likely, so the mean is too high for actions whose
    probability changed; `counted` has no such bias, and more variance.
    """
    sums, counts = _sums(log, other, other.propensity), _sums(log, other, np.ones(len(other)))
    return _rows_to_one(sums / np.maximum(counts, 1))


def counted(log: Log, other: Log) -> Doubles:
    """Estimate another log's policy by how often it chose each action, [C, A]."""
    return _rows_to_one(_sums(log, other, np.ones(len(other))))


def _sums(log: Log, other: Log, values: Doubles) -> Doubles:
    """Sum the other log's values by this log's codes, [C, A]; unknown names are left out."""
    contexts = {name: code for code, name in enumerate(log.contexts)}
    actions = {name: code for code, name in enumerate(log.actions)}
    x = np.array([contexts.get(name, -1) for name in other.contexts])[other.context]
    a = np.array([actions.get(name, -1) for name in other.actions])[other.action]
    known = (x >= 0) & (a >= 0)
    sums = np.zeros((len(log.contexts), len(log.actions)))
    np.add.at(sums, (x[known], a[known]), values[known])
    return sums


def _rows_to_one(values: Doubles) -> Doubles:
    totals = values.sum(axis=1, keepdims=True)
    shares: Doubles = values / np.where(totals > 0, totals, 1.0)
    return shares
