"""In which style to show a product to a shopper: drawn, with the probability of the draw known.

A shopper's rate of a style is the share of what the shopper did in it, smoothed by a Dirichlet
prior: the style's share in the product's category, itself smoothed by its share in the shop. The
policy is a softmax of the log-rates over the pictures that exist, mixed with a uniform floor. The
draw is Gumbel-max with noise hashed from shopper, product, style, day and factor version, so that
a click moves probabilities and not the whole shelf. Which products are shown is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from stylecore.catalogue import key_of
from stylecore.errors import SettingsError

Doubles = NDArray[np.float64]
Keys = NDArray[np.uint64]
Booleans = NDArray[np.bool_]

POLICY = "dirichlet-softmax-1"
"""The policy's name in events; a change of its formula is a new name."""


@dataclass(frozen=True, slots=True)
class ChoiceRules:
    """The policy's settings."""

    exploration: float = 0.1
    """Probability spread over all of a product's styles alike: the floor is this over K."""
    sharpness: float = 2.0
    """What log-rates are multiplied by: 1 plays a style as often as it is liked, more plays the
    best more often."""
    shopper_prior: float = 2.0
    """Weight of the category's rates against a shopper's own, in clicks."""
    category_prior: float = 20.0
    """Weight of the shop's rates against a category's, and of equal rates against the shop's."""

    def __post_init__(self) -> None:
        if not 0 < self.exploration <= 1:
            raise SettingsError(f"exploration must be above 0 and at most 1: {self.exploration}")


@dataclass(frozen=True, slots=True)
class Choice:
    """The drawn styles and their exact probabilities, [B, k] each."""

    columns: NDArray[np.int64]
    propensities: Doubles


def style_priors(category_style: NDArray[np.float32], rules: ChoiceRules) -> Doubles:
    """The share of each style in each category, [C + 1, K]; the last row is the whole shop's."""
    weights = np.maximum(category_style.astype(np.float64), 0.0)
    styles = weights.shape[1]
    shop = weights.sum(axis=0) + rules.category_prior / styles
    shop = shop / shop.sum()
    shares = weights + rules.category_prior * shop
    shares = shares / shares.sum(axis=1, keepdims=True)
    return np.concatenate([shares, shop[None]])


def propensities(
    weights: Doubles, priors: Doubles, available: Booleans, rules: ChoiceRules
) -> Doubles:
    """The probability of each style, [B, k, K]; 0 where there is no picture.

    `weights` [B, K] is what each shopper did by style, `priors` [B, k, K] the shares in the
    products' categories, `available` [B, k, K] the pictures that exist, at least one a product.
    """
    rates = weights[:, None, :] + rules.shopper_prior * priors
    powers = np.where(available, rates, 0.0) ** rules.sharpness
    softmax = powers / powers.sum(axis=2, keepdims=True)
    floor = available / available.sum(axis=2, keepdims=True)
    mixed: Doubles = (1.0 - rules.exploration) * softmax + rules.exploration * floor
    return mixed


def draw(probabilities: Doubles, uniforms: Doubles) -> Choice:
    """One style a product by Gumbel-max: exactly with the probabilities, [B, k, K] each."""
    with np.errstate(divide="ignore"):
        perturbed = np.log(probabilities) - np.log(-np.log(uniforms))
    columns = perturbed.argmax(axis=2)
    drawn = np.take_along_axis(probabilities, columns[:, :, None], axis=2)[:, :, 0]
    return Choice(columns=columns, propensities=drawn)


def shopper_keys(user_ids: Sequence[str], now: datetime, version: str) -> Keys:
    """A 64-bit hash of each shopper, the day in UTC and the factor version, [B]."""
    day = now.astimezone(UTC).date().isoformat()
    return np.array([key_of(user_id, day, version) for user_id in user_ids], dtype=np.uint64)


def uniform_noise(shoppers: Keys, products: Keys, styles: Keys) -> Doubles:
    """Hashed numbers in (0, 1), [B, k, K], from keys [B], [B, k] and [K]."""
    pairs = mixed_bits(shoppers[:, None] ^ products)
    bits = mixed_bits(pairs[:, :, None] ^ styles)
    return uniform(bits)


def uniform(bits: Keys) -> Doubles:
    """Numbers in (0, 1) from 64 random bits each; never 0 or 1."""
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def mixed_bits(keys: Keys) -> Keys:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit in moves half the bits."""
    bits = keys + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
