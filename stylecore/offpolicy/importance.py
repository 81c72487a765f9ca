"""Inverse propensity scoring, plain and self-normalised.

Plain (Horvitz, Thompson 1952): the mean of w r, without bias and often with much variance.
Self-normalised (Swaminathan, Joachims 2015, The self-normalized estimator for counterfactual
learning): sum w r / sum w, which moves with a constant added to the rewards and stays within
their range, at a bias that vanishes with the sample.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.offpolicy.log import Log
from stylecore.offpolicy.terms import Terms


def ips(log: Log, weights: Doubles) -> Terms:
    """Terms of the plain estimate; `weights` [N] as `weights.importance` gives them."""
    return Terms(numerator=weights * log.reward, denominator=np.ones(len(log)))


def snips(log: Log, weights: Doubles) -> Terms:
    """Terms of the self-normalised estimate."""
    return Terms(numerator=weights * log.reward, denominator=weights)
