"""What each action is expected to earn in each context, from choices of other folds.

A smoothed mean: the cell's rewards drawn towards the action's mean over all contexts, and that
towards the mean of all. Folds are of units, so that no shopper predicts itself.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Bools, Doubles
from stylecore.offpolicy.log import Log, restricted

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
