"""The settings of one training of the feature network; they are written into its run's folder."""

from __future__ import annotations

from pathlib import Path

import msgspec


class FeatureLossWeights(msgspec.Struct, frozen=True, kw_only=True):
    """The weight of each term of the loss; 0 leaves it out."""

    category: float = 1.0
    render_category: float = 0.5
    style: float = 0.5
    reference_style: float = 0.1
    """For pictures of `styles`, few and of another kind than renders."""
    contrast: float = 0.5
    imitation: float = 2.0


class FeaturesShape(msgspec.Struct, frozen=True, kw_only=True):
    """Channels of the four stages, each at half the sides of the one before; width of the head."""

    channels: tuple[int, int, int, int] = (24, 48, 96, 160)
    cells: int = 32
    """Channels of the coarse grid that keeps what is where."""
    hidden: int = 256
    embedding: int = 128


class FeaturesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data lies, how long to train and at which rates.

    `photos`: category folders. `input_side` in px; the first `small_share` of the steps sees
    pictures of `small_side` px, which is faster. A batch holds `batch` photos, the renders of
    `pairs` of them and `references` pictures of `styles`. `held_out`: share of the photos, of every
    category, that only the temperatures are fitted on. `white_share` of the photos without render
    stand on white ground.
    """

    photos: Path
    generator: Path
    perceptual: Path
    run: Path
    styles: Path | None = None
    renders_a_photo: int = 1
    steps: int = 1000
    seed: int = 7
    threads: int = 1
    batch: int = 40
    pairs: int = 24
    references: int = 4
    white_share: float = 0.5
    input_side: int = 128
    small_side: int = 96
    small_share: float = 0.55
    rate: float = 3e-3
    decay: float = 0.05
    smoothing: float = 0.1
    contrast_temperature: float = 0.1
    held_out: float = 0.12
    bf16: bool = True
    log_every: int = 10
    losses: FeatureLossWeights = FeatureLossWeights()
    shape: FeaturesShape = FeaturesShape()
