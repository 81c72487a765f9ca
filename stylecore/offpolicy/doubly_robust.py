"""Doubly robust: a model's word for every action, corrected by what was really earned.

Dudik, Langford, Li 2011 (Doubly robust policy evaluation and learning): the mean of
sum_a pi(a | x) q(x, a) + w (r - q(x, a)). Right where either the propensities or the model q are.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.offpolicy.log import Log
from stylecore.offpolicy.reward_model import cross_fitted
from stylecore.offpolicy.terms import Terms


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
