"""The feature network on ONNX Runtime, its manifest, and the gallery of embeddings.

For each picture the network gives an embedding that identifies the product across styles,
calibrated probabilities of the clothing categories, and of the generator's styles and 'photo'. It
needs a warm-up and is not ready before it. Goods other than clothes get a category too (check its
probability), and styles it was not trained on are not recognised.

`manifest.json` lies beside the ONNX file that it names and holds classes, training and figures.

The gallery holds embeddings of a few hundred photos among which a render's source must be found. It
lies beside the network that made it, since vectors of two networks do not compare, and keeps no
pictures. Goods unlike all of the gallery are identified more easily than they should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import onnxruntime
from PIL import Image

from stylecore.arrays import Floats
from stylecore.errors import Permanent
from stylecore.imaging.photo import Pixels, decode, to_pixels
from stylecore.rendering.composition import PROVIDER_NAMES, Provider
from stylecore.rendering.manifest import (
    MANIFEST,
    Count,
    FileName,
    Sha256,
    ShippedFile,
    Text,
    check_file,
    encode_manifest,
    read_manifest,
)

PHOTO = "photo"
"""The last class of the style head: an undrawn photo."""

Positive = Annotated[float, msgspec.Meta(gt=0)]


class FeaturesTraining(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights came about. `generator` is the version whose renders were learned from."""

    command: Text
    photos: Count
    held_out: Count
    """Photos of the train folder that only the temperatures were fitted on."""
    renders: Count
    generator: Text
    steps: Count
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    seed: int
    losses: dict[str, float]
    hardware: Text


class FeaturesManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A shipped feature network. `input_side` in px: pictures are squashed to a square."""

    name: Text
    version: Text
    file: FileName
    sha256: Sha256
    parameters: Count
    input_side: Count
    embedding_size: Count
    categories: Annotated[tuple[Text, ...], msgspec.Meta(min_length=2)]
    styles: Annotated[tuple[Text, ...], msgspec.Meta(min_length=2)]
    """The generator's styles, then PHOTO."""
    temperatures: dict[str, Positive]
    """Of 'categories' and 'styles'; the file's probabilities are calibrated by them already."""
    training: FeaturesTraining
    figures: dict[str, float]
    """On the test photos, as measured by `stylecast evaluate features`."""
    made_at: Text
    licence: Text
    sources: tuple[Text, ...]
    gallery: ShippedFile | None = None
    """Embeddings of photos among which a render's source must be found; without it none is."""


def load_features_manifest(folder: Path) -> FeaturesManifest:
    """Return the checked manifest of a feature network's folder.

    Raises Permanent when there is none, it is malformed, a class comes twice, the last style is
    not PHOTO, or a file that it names lacks or has another sha256.
    """
    manifest = read_manifest(folder, FeaturesManifest, "feature network")
    path = folder / MANIFEST
    for names in (manifest.categories, manifest.styles):
        if twice := {name for name in names if names.count(name) > 1}:
            raise Permanent(f"{path} names the class {min(twice)!r} twice")
    if manifest.styles[-1] != PHOTO:
        raise Permanent(f"{path}: the last style is {manifest.styles[-1]!r}, not {PHOTO!r}")
    check_file(folder / manifest.file, manifest.sha256)
    if manifest.gallery is not None:
        check_file(folder / manifest.gallery.file, manifest.gallery.sha256)
    return manifest


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
    """A loaded feature network."""

    def __init__(self, folder: Path, *, threads: int = 1, provider: Provider = "cpu") -> None:
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
            folder / self.manifest.file, options, providers=[PROVIDER_NAMES[provider]]
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


FILE = "gallery.npy"
GALLERY_PHOTOS = 160
"""Of each folder that is given, at most."""
SHORT_SIDE, MAX_PIXELS = 256, 50_000_000


def write_gallery(folder: Path, photos: Sequence[Path]) -> FeaturesManifest:
    """Describe photos by the network of `folder`; put their embeddings beside it, [N, E] float16.

    Raises NotAPhoto, and Permanent where the network is not as its manifest says.
    """
    net = FeatureNet(folder)
    pictures = [
        decode(photo.read_bytes(), short_side=SHORT_SIDE, max_pixels=MAX_PIXELS).pixels
        for photo in photos
    ]
    np.save(folder / FILE, net.describe_all(pictures).embedding.astype(np.float16))
    digest = sha256((folder / FILE).read_bytes()).hexdigest()
    gallery = ShippedFile(file=FILE, sha256=digest)
    manifest = msgspec.structs.replace(net.manifest, gallery=gallery)
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def load_gallery(folder: Path, manifest: FeaturesManifest) -> Floats:
    """[N, E] of the network's gallery, whose sha256 has been checked; no rows where it has none."""
    if manifest.gallery is None:
        return np.zeros((0, manifest.embedding_size), np.float32)
    stored = np.load(folder / manifest.gallery.file, allow_pickle=False)
    return np.asarray(stored, np.float32)
