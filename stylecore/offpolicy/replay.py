"""Replay: keep of the log what the target would have chosen, as often as it would have.

Li, Chu, Langford, Wang 2011 (Unbiased offline evaluation of contextual-bandit-based news article
recommendation algorithms) keep the choices of a uniform log that agree with the target's. The form
here keeps a choice with probability w / max w (rejection sampling, as Dudik, Erhan, Langford, Li
2012 do), which is theirs for a target that is certain, and holds for any known propensities.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.offpolicy.log import Log
from stylecore.offpolicy.terms import Terms


def kept(weights: Doubles, uniforms: Doubles) -> Doubles:
    """1 for each choice that stays, else 0, [N]; `uniforms` [N] are drawn from [0, 1)."""
    most = float(weights.max(initial=0.0))
    return np.asarray(uniforms * most < weights, dtype=np.float64)


def replay(log: Log, weights: Doubles, uniforms: Doubles) -> Terms:
    """The mean reward of what stays."""
    stays = kept(weights, uniforms)
    return Terms(numerator=stays * log.reward, denominator=stays)
