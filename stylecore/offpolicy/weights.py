"""How much likelier the target was to choose what was logged, and how much log that leaves."""

from __future__ import annotations

from stylecore.arrays import Doubles
from stylecore.offpolicy.log import Log


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
