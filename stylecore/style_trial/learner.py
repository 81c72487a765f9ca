"""What a way to learn has to offer: probabilities of styles, and taking in what was seen.

Every learner explores alike: a softmax of its scores with a uniform floor, so that the propensity
of every choice is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints

FLOOR = 0.1
"""Probability spread over all styles alike, as `style_choice.ChoiceRules` has it."""


@dataclass(frozen=True, slots=True)
class Impressions:
    """N items that were seen, [N] each."""

    shopper: Ints
    product: Ints
    category: Ints
    style: Ints
    propensity: Doubles
    clicked: Bools


class Learner(Protocol):
    """A way to learn which style a shopper likes."""

    def probabilities(self) -> Doubles:
        """By shopper, category and style, [B, C, K]; rows sum to 1, none under FLOOR / K."""
        ...

    def learn(self, seen: Impressions) -> None:
        """Take in what was seen and what was clicked of it."""
        ...


def softmax_with_floor(scores: Doubles, temperature: float) -> Doubles:
    """(1 - FLOOR) softmax(scores / temperature) + FLOOR / K over the last axis."""
    powers = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    softmax = powers / powers.sum(axis=-1, keepdims=True)
    mixed: Doubles = (1.0 - FLOOR) * softmax + FLOOR / scores.shape[-1]
    return mixed
