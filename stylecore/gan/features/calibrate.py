"""The temperature that makes a classifier's confidence mean what it says.

Guo et al., "On calibration of modern neural networks", ICML 2017: logits are divided by one number,
chosen by the likelihood of pictures that were not learned from. It changes no decision.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

LOWEST, HIGHEST, STEPS = 0.2, 5.0, 400


def fitted_temperature(logits: Tensor, truth: Tensor) -> float:
    """The temperature of 0.2 to 5 with the smallest mean cross-entropy of [N, C] logits."""
    tried = torch.logspace(math.log10(LOWEST), math.log10(HIGHEST), STEPS)
    losses = [functional.cross_entropy(logits / t, truth).item() for t in tried]
    return float(tried[int(torch.tensor(losses).argmin())])
