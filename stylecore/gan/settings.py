"""The settings of one training of the generator; written into the run's folder and the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from stylecore.gan.networks import GeneratorShape


class LossWeights(msgspec.Struct, frozen=True, kw_only=True):
    """The weight of each term of losses.py; 0 leaves it out."""

    pair: float = 4.0
    ground: float = 2.0
    edges: float = 1.0
    perceptual: float = 1.0
    paired_gram: float = 1.0
    reference_gram: float = 0.7
    """At 2 the figures improve and rust-brown blotches appear in the washes; see the model card."""
    adversarial: float = 0.2
    total_variation: float = 0.0
    diversity: float = 0.0


class TrainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data lies, how long to train and at which rates.

    `crop` is in pixels, a multiple of 8. The discriminator is trained from step `adversarial_from`
    on, the adversarial term grows over the `adversarial_ramp` steps after, and both apply at every
    `adversarial_every`th step only, because pairs improve the generator faster per second.
    `reference_share`: share of the discriminator's real pictures that are real references, where
    the style has any.
    """

    photos: Path
    styles: Path
    perceptual: Path
    pairs: Path
    run: Path
    start: Path | None = None
    """Folder of a generator whose weights the run starts from; None starts from random weights."""
    steps: int = 6_700
    seed: int = 7
    crop: int = 144
    batch: int = 9
    rate: float = 5e-4
    discriminator_rate: float = 2e-4
    adversarial: Literal["non-saturating", "hinge"] = "non-saturating"
    adversarial_from: int = 1_500
    adversarial_ramp: int = 1_000
    adversarial_every: int = 2
    reference_share: float = 0.5
    averaging: float = 0.998
    bf16: bool = True
    threads: int = 2
    log_every: int = 10
    grid_every: int = 250
    checkpoint_every: int = 100
    losses: LossWeights = LossWeights()
    shape: GeneratorShape = GeneratorShape(styles=0)
    """`styles` is set from the teachers."""
