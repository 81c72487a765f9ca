"""The manifest of a shipped feature network: its classes, how it was made, its figures.

It lies as `manifest.json` beside the ONNX file that it names, as the generator's does in
manifest.py. It knows nothing of the network inside the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from stylecore.errors import Permanent
from stylecore.manifest import (
    MANIFEST,
    Count,
    FileName,
    Sha256,
    ShippedFile,
    Text,
    check_file,
    read_manifest,
)

PHOTO = "photo"
"""The last class of the style head: a photo that nobody drew over."""

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
    """A feature network as it is shipped. `input_side` in px: pictures are squashed to a square."""

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
    """The checked manifest of a feature network's folder.

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
