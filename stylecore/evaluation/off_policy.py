"""Off-policy estimators: what another policy would have earned on a log of choices.

Log (contexts, actions, rewards, propensities) and a target policy pi [C, A] -> importance weights
-> Terms of an estimate -> interval by bootstrap.

- Replay: keeps a choice with probability w / max w (rejection sampling, Dudik, Erhan, Langford, Li
  2012). For a certain target and a uniform log these are the choices that agree with the target
  (Li, Chu, Langford, Wang 2011, "Unbiased offline evaluation of contextual-bandit-based news
  article recommendation algorithms").
- IPS (Horvitz, Thompson 1952): the mean of w r, unbiased and often of large variance.
- SNIPS (Swaminathan, Joachims 2015, "The self-normalized estimator for counterfactual learning"):
  sum w r / sum w, equivariant under a constant added to the rewards and within their range, with a
  bias that vanishes as the sample grows.
- Doubly robust (Dudik, Langford, Li 2011): the mean of sum_a pi(a | x) q(x, a) + w (r - q(x, a)),
  consistent where either the propensities or the reward model q are. The model is cross-fitted:
  folds are of units, so that no shopper's rewards predict its own.

Intervals are percentile intervals (Efron 1979) over whole units, because a shopper's choices are
dependent. Estimates are ratios of sums, so units with equal sums are exchangeable and a resample is
a multinomial count of the distinct sums: exact, and fast for rare rewards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints
from stylecore.errors import Permanent


@dataclass(frozen=True, slots=True)
class Log:
    """N choices among A actions in C contexts, such as a product's styles or a page's items."""

    contexts: tuple[str, ...]
    """C names."""
    actions: tuple[str, ...]
    """A names."""
    context: Ints
    """[N], codes of contexts."""
    action: Ints
    """[N], codes of actions."""
    reward: Doubles
    """[N], 1 for a click, else 0; any finite number is valid."""
    propensity: Doubles
    """[N], the logging policy's probability of the action, above 0 and at most 1."""
    unit: Ints
    """[N], codes of independent units: shoppers, or the rows themselves."""

    def __len__(self) -> int:
        return len(self.reward)


def check(log: Log) -> Log:
    """Return the log. Raises Permanent where it is empty or holds invalid numbers."""
    if not len(log):
        raise Permanent("the log holds no choice with a propensity")
    if not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise Permanent("propensities must be above 0 and at most 1")
    if not np.isfinite(log.reward).all():
        raise Permanent("rewards must be finite numbers")
    return log


def restricted(log: Log, kept: Bools) -> Log:
    """Keep the rows `kept` [N]; names and codes do not change."""
    return Log(
        contexts=log.contexts,
        actions=log.actions,
        context=log.context[kept],
        action=log.action[kept],
        reward=log.reward[kept],
        propensity=log.propensity[kept],
        unit=log.unit[kept],
    )


def coded(names: list[str]) -> tuple[tuple[str, ...], Ints]:
    """Encode names: the distinct ones in alphabetical order, and each name's code [N]."""
    different, codes = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    return tuple(different.tolist()), codes.astype(np.int64)


def importance(log: Log, target: Doubles) -> Doubles:
    """Return w = pi(a | x) / p of each choice, [N], 0 and more; `target` [C, A] holds pi."""
    weights: Doubles = target[log.context, log.action] / log.propensity
    return weights


def effective_sample_size(weights: Doubles) -> float:
    """Return (sum w)^2 / sum w^2, the number of equally weighted choices (Kish 1965).

    0 where all weights are 0; at most N.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """Each choice's contribution to an estimate's numerator and denominator, [N] each."""

    numerator: Doubles
    denominator: Doubles

    @property
    def value(self) -> float:
        """The estimate; NaN where the denominator is 0."""
        below = float(self.denominator.sum())
        return float(self.numerator.sum()) / below if below else float("nan")


def kept(weights: Doubles, uniforms: Doubles) -> Doubles:
    """Mark the choices that replay keeps by 1, [N]; `uniforms` [N] are drawn from [0, 1)."""
    most = float(weights.max(initial=0.0))
    return np.asarray(uniforms * most < weights, dtype=np.float64)


def replay(log: Log, weights: Doubles, uniforms: Doubles) -> Terms:
    """Return the terms of the mean reward of the choices kept."""
    stays = kept(weights, uniforms)
    return Terms(numerator=stays * log.reward, denominator=stays)


def ips(log: Log, weights: Doubles) -> Terms:
    """Return the terms of the plain estimate; `weights` [N] as `importance` computes them."""
    return Terms(numerator=weights * log.reward, denominator=np.ones(len(log)))


def snips(log: Log, weights: Doubles) -> Terms:
    """Return the terms of the self-normalised estimate."""
    return Terms(numerator=weights * log.reward, denominator=weights)


def doubly_robust(log: Log, weights: Doubles, target: Doubles, model: Doubles) -> Terms:
    """Return the terms of the doubly robust estimate by a given model q [C, A]; `target` [C, A]."""
    expected = (target * model).sum(axis=1)[log.context]
    surprise = log.reward - model[log.context, log.action]
    return Terms(numerator=expected + weights * surprise, denominator=np.ones(len(log)))


def cross_fitted_doubly_robust(log: Log, weights: Doubles, target: Doubles) -> Terms:
    """Return the terms of the doubly robust estimate, each fold by a model fitted without it."""
    numerator = np.zeros(len(log))
    for model, inside in zip(*cross_fitted(log), strict=True):
        numerator[inside] = doubly_robust(log, weights, target, model).numerator[inside]
    return Terms(numerator=numerator, denominator=np.ones(len(log)))


FOLDS = 5


def cross_fitted(log: Log) -> tuple[list[Doubles], list[Bools]]:
    """Fit a model [C, A] without each fold; returns models and each fold's choices [N]."""
    folds = [log.unit % FOLDS == fold for fold in range(FOLDS)]
    return [smoothed_means(restricted(log, ~inside)) for inside in folds], folds


CELL_PRIOR, ACTION_PRIOR = 100.0, 100.0
"""Prior choices at the action's mean for a cell, and at the overall mean for an action."""


def smoothed_means(log: Log) -> Doubles:
    """Estimate the expected reward q [C, A].

    A cell's mean is shrunk towards the action's mean over all contexts, and that towards the
    overall mean.
    """
    overall = float(log.reward.mean()) if len(log) else 0.0
    rewards = np.bincount(log.action, log.reward, minlength=len(log.actions))
    counts = np.bincount(log.action, minlength=len(log.actions))
    by_action = (rewards + ACTION_PRIOR * overall) / (counts + ACTION_PRIOR)
    shape = len(log.contexts), len(log.actions)
    cells = log.context * len(log.actions) + log.action
    rewards = np.bincount(cells, log.reward, minlength=shape[0] * shape[1]).reshape(shape)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    means: Doubles = (rewards + CELL_PRIOR * by_action) / (counts + CELL_PRIOR)
    return means


RESAMPLES = 1000


def interval(
    terms: Terms,
    unit: Ints,
    random: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Compute lower and upper bound of the estimate; `unit` [N] are the codes of the units."""
    values = resampled(terms, unit, random, resamples)
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(values, (tail, 1.0 - tail)).tolist()
    return low, high


def resampled(terms: Terms, unit: Ints, random: np.random.Generator, resamples: int) -> Doubles:
    """Compute the estimate on each resample, [resamples]; NaN where the denominator is 0."""
    sums, alike = _sums_by_unit(terms, unit)
    counts = random.multinomial(alike.sum(), alike / alike.sum(), size=resamples)
    above, below = counts @ sums[:, 0], counts @ sums[:, 1]
    values = np.full(resamples, np.nan)
    np.divide(above, below, out=values, where=below != 0)
    return values


def _sums_by_unit(terms: Terms, unit: Ints) -> tuple[Doubles, Ints]:
    """Find the distinct pairs of sums of units, [S, 2], and the number of units with each, [S]."""
    _, code = np.unique(unit, return_inverse=True)
    sums = np.stack([np.bincount(code, terms.numerator), np.bincount(code, terms.denominator)], 1)
    different, alike = np.unique(sums, axis=0, return_counts=True)
    return np.asarray(different, dtype=np.float64), alike.astype(np.int64)
