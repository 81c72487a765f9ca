"""The product's own feature network on ONNX Runtime: what is this, and how is it drawn.

Pictures in, and for each an embedding that stays with the product through the styles, calibrated
probabilities of the clothing categories, and of the generator's styles and 'photo'. It declares its
warm-up and is not ready before that has run. What it does not know: goods that are no clothes (they
get a category all the same, look at its probability), and styles it was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from stylecore.arrays import Floats
from stylecore.features_manifest import FeaturesManifest, load_features_manifest
from stylecore.imaging.photo import Pixels, to_pixels

INPUT, OUTPUTS = "pictures", ["embedding", "categories", "styles"]
_ERRORS_ONLY = 3
BATCH = 64


@dataclass(frozen=True)
class Features:
    """B pictures described; the classes' names are the network's `categories` and `styles`."""

    embedding: Floats
    """[B, E], unit length: the cosine of two is their dot product."""
    categories: Floats
    """[B, C], calibrated probabilities, sum 1."""
    styles: Floats
    """[B, S + 1], calibrated probabilities of the styles and, last, of 'photo'; sum 1."""


class FeatureNet:
    """A loaded feature network; it runs on the CPU."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the network of `folder` and run its warm-up; 0 threads takes one a core.

        Raises Permanent where the manifest or its sha256 is wrong.
        """
        self.manifest: FeaturesManifest = load_features_manifest(folder)
        self.categories = self.manifest.categories
        self.styles = self.manifest.styles
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            folder / self.manifest.file, options, providers=["CPUExecutionProvider"]
        )
        self._warm_up()

    def describe(self, pictures: Floats) -> Features:
        """Describe [B, H, W, 3] of 0-1, B at least 1; any size is squashed to the network's."""
        side = self.manifest.input_side
        return self.describe_squashed(
            np.stack([squash(to_pixels(picture), side) for picture in pictures])
        )

    def describe_all(self, pictures: Sequence[Pixels]) -> Features:
        """Describe B pictures [H, W, 3] of 0-255, each of any size, BATCH at a time."""
        squashed = np.stack([squash(picture, self.manifest.input_side) for picture in pictures])
        parts = [
            self.describe_squashed(squashed[start : start + BATCH])
            for start in range(0, len(squashed), BATCH)
        ]
        return Features(
            np.concatenate([part.embedding for part in parts]),
            np.concatenate([part.categories for part in parts]),
            np.concatenate([part.styles for part in parts]),
        )

    def describe_squashed(self, pictures: Pixels) -> Features:
        """Describe [B, side, side, 3] of 0-255 that `squash` made."""
        planes = pictures.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        found = self._session.run(OUTPUTS, {INPUT: np.ascontiguousarray(planes)})
        return Features(*(np.asarray(part) for part in found))

    def _warm_up(self) -> None:
        side = self.manifest.input_side
        self.describe_squashed(np.zeros((1, side, side, 3), np.uint8))


def squash(pixels: Pixels, side: int) -> Pixels:
    """The whole picture on a square of `side` px, its aspect given up, so that no part is lost.

    A render is as long and wide as its source, so both are squashed alike. Triangle filter as wide
    as the reduction asks for.
    """
    square = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(square)
