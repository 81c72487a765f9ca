"""An estimate as a ratio of two sums over the log: all that a bootstrap has to know of it.

Intervals by resampling: whole units with replacement, for a shopper's choices hang together.

The percentile interval of Efron 1979. An estimate is a ratio of sums, so units that add the same
are one kind, and a resample is a multinomial count of kinds: exact, and cheap for rare rewards.

A log of choices: what was shown where, with which probability, and what came of it.

Contexts and actions are names by code: a product and its styles, or a place and its items. Where
the log comes from (feedback_log.py, open_bandit.py) and which other policy is asked about
(targets.py) are not known here.

Inverse propensity scoring, plain and self-normalised.

Plain (Horvitz, Thompson 1952): the mean of w r, without bias and often with much variance.
Self-normalised (Swaminathan, Joachims 2015, The self-normalized estimator for counterfactual
learning): sum w r / sum w, which moves with a constant added to the rewards and stays within
their range, at a bias that vanishes with the sample.

How much likelier the target was to choose what was logged, and how much log that leaves.

Replay: keep of the log what the target would have chosen, as often as it would have.

Li, Chu, Langford, Wang 2011 (Unbiased offline evaluation of contextual-bandit-based news article
recommendation algorithms) keep the choices of a uniform log that agree with the target's. The form
here keeps a choice with probability w / max w (rejection sampling, as Dudik, Erhan, Langford, Li
2012 do), which is theirs for a target that is certain, and holds for any known propensities.

What each action is expected to earn in each context, from choices of other folds.

A smoothed mean: the cell's rewards drawn towards the action's mean over all contexts, and that
towards the mean of all. Folds are of units, so that no shopper predicts itself.

Doubly robust: a model's word for every action, corrected by what was really earned.

Dudik, Langford, Li 2011 (Doubly robust policy evaluation and learning): the mean of
sum_a pi(a | x) q(x, a) + w (r - q(x, a)). Right where either the propensities or the model q are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints
from stylecore.errors import Permanent


@dataclass(frozen=True, slots=True)
class Terms:
    """What each choice adds above and below the line, [N] each."""

    numerator: Doubles
    denominator: Doubles

    @property
    def value(self) -> float:
        """The estimate; not a number where nothing stands below the line."""
        below = float(self.denominator.sum())
        return float(self.numerator.sum()) / below if below else float("nan")


RESAMPLES = 1000


def interval(
    terms: Terms,
    unit: Ints,
    random: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Lower and upper bound of the estimate; `unit` [N] says what is drawn together."""
    values = resampled(terms, unit, random, resamples)
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(values, (tail, 1.0 - tail)).tolist()
    return low, high


def resampled(terms: Terms, unit: Ints, random: np.random.Generator, resamples: int) -> Doubles:
    """The estimate on each resample, [resamples]; not a number where nothing is below the line."""
    sums, alike = _sums_by_unit(terms, unit)
    counts = random.multinomial(alike.sum(), alike / alike.sum(), size=resamples)
    above, below = counts @ sums[:, 0], counts @ sums[:, 1]
    values = np.full(resamples, np.nan)
    np.divide(above, below, out=values, where=below != 0)
    return values


def _sums_by_unit(terms: Terms, unit: Ints) -> tuple[Doubles, Ints]:
    """The different pairs of sums that units have, [S, 2], and how many units have each, [S]."""
    _, code = np.unique(unit, return_inverse=True)
    sums = np.stack([np.bincount(code, terms.numerator), np.bincount(code, terms.denominator)], 1)
    different, alike = np.unique(sums, axis=0, return_counts=True)
    return np.asarray(different, dtype=np.float64), alike.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Log:
    """N choices."""

    contexts: tuple[str, ...]
    """C names."""
    actions: tuple[str, ...]
    """A names."""
    context: Ints
    """[N], codes of contexts."""
    action: Ints
    """[N], codes of actions."""
    reward: Doubles
    """[N], 1 where it was clicked, else 0; any finite number will do."""
    propensity: Doubles
    """[N], the probability with which the logging policy chose the action, above 0 to 1."""
    unit: Ints
    """[N], codes of what is independent of one another: shoppers, or the rows themselves."""

    def __len__(self) -> int:
        return len(self.reward)


def check(log: Log) -> Log:
    """The same log. Raises Permanent where it is empty or holds what cannot be logged."""
    if not len(log):
        raise Permanent("the log holds no choice with a propensity")
    if not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise Permanent("propensities must be above 0 and at most 1")
    if not np.isfinite(log.reward).all():
        raise Permanent("rewards must be finite numbers")
    return log


def restricted(log: Log, kept: Bools) -> Log:
    """The rows [N] that are kept; names and codes stay as they are."""
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
    """The different names in alphabetical order, and each name's code [N]."""
    different, codes = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    return tuple(different.tolist()), codes.astype(np.int64)


def ips(log: Log, weights: Doubles) -> Terms:
    """Terms of the plain estimate; `weights` [N] as `weights.importance` gives them."""
    return Terms(numerator=weights * log.reward, denominator=np.ones(len(log)))


def snips(log: Log, weights: Doubles) -> Terms:
    """Terms of the self-normalised estimate."""
    return Terms(numerator=weights * log.reward, denominator=weights)


def importance(log: Log, target: Doubles) -> Doubles:
    """w = pi(a | x) / p of each choice, [N], 0 and more; `target` [C, A] holds pi."""
    weights: Doubles = target[log.context, log.action] / log.propensity
    return weights


def effective_sample_size(weights: Doubles) -> float:
    """(sum w)^2 / sum w^2: as many equally weighted choices would tell as much (Kish 1965).

    0 where all weights are 0; at most N.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def kept(weights: Doubles, uniforms: Doubles) -> Doubles:
    """1 for each choice that stays, else 0, [N]; `uniforms` [N] are drawn from [0, 1)."""
    most = float(weights.max(initial=0.0))
    return np.asarray(uniforms * most < weights, dtype=np.float64)


def replay(log: Log, weights: Doubles, uniforms: Doubles) -> Terms:
    """The mean reward of what stays."""
    stays = kept(weights, uniforms)
    return Terms(numerator=stays * log.reward, denominator=stays)


CELL_PRIOR, ACTION_PRIOR = 100.0, 100.0
"""Choices that the action's mean, and the mean of all, count as against a cell's own."""
FOLDS = 5


def smoothed_means(log: Log) -> Doubles:
    """q [C, A], the expected reward."""
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


def cross_fitted(log: Log) -> tuple[list[Doubles], list[Bools]]:
    """A model [C, A] for each fold, made without it, and which choices [N] the fold holds."""
    folds = [log.unit % FOLDS == fold for fold in range(FOLDS)]
    return [smoothed_means(restricted(log, ~inside)) for inside in folds], folds


def doubly_robust(log: Log, weights: Doubles, target: Doubles, model: Doubles) -> Terms:
    """Terms by a given model q [C, A]; `target` [C, A]."""
    expected = (target * model).sum(axis=1)[log.context]
    surprise = log.reward - model[log.context, log.action]
    return Terms(numerator=expected + weights * surprise, denominator=np.ones(len(log)))


def cross_fitted_doubly_robust(log: Log, weights: Doubles, target: Doubles) -> Terms:
    """Terms by models that were made without the fold they speak of."""
    numerator = np.zeros(len(log))
    for model, inside in zip(*cross_fitted(log), strict=True):
        numerator[inside] = doubly_robust(log, weights, target, model).numerator[inside]
    return Terms(numerator=numerator, denominator=np.ones(len(log)))
