"""Every estimate once more, choice by choice as in the papers: slow, and the oracle in tests."""

from __future__ import annotations

from stylecore.arrays import Doubles
from stylecore.evaluation.off_policy import Log


def ips(log: Log, target: Doubles) -> float:
    """(1 / N) sum_i pi(a_i | x_i) / p_i r_i."""
    total = 0.0
    for x, a, r, p in _choices(log):
        total += target[x, a] / p * r
    return total / len(log)


def snips(log: Log, target: Doubles) -> float:
    """sum_i w_i r_i / sum_i w_i."""
    total, weights = 0.0, 0.0
    for x, a, r, p in _choices(log):
        total += target[x, a] / p * r
        weights += target[x, a] / p
    return total / weights


def doubly_robust(log: Log, target: Doubles, model: Doubles) -> float:
    """(1 / N) sum_i [ sum_a pi(a | x_i) q(x_i, a) + w_i (r_i - q(x_i, a_i)) ]."""
    total = 0.0
    for x, a, r, p in _choices(log):
        for action in range(len(log.actions)):
            total += target[x, action] * model[x, action]
        total += target[x, a] / p * (r - model[x, a])
    return total / len(log)


def replay(log: Log, chosen: list[int]) -> float:
    """Li et al. 2011, algorithm 2: the mean reward where the target, certain, chose the same.

    `chosen` [C] is the target's action in each context; the log must be uniform.
    """
    rewards = [r for x, a, r, _ in _choices(log) if chosen[x] == a]
    return sum(rewards) / len(rewards)


def _choices(log: Log) -> list[tuple[int, int, float, float]]:
    columns = (log.context, log.action, log.reward, log.propensity)
    return list(zip(*(column.tolist() for column in columns), strict=True))
