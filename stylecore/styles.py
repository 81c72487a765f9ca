"""Style definitions in the generator's terms: weights by row of the manifest, ground colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.errors import Permanent
from stylecore.manifest import GeneratorManifest

NO_REFERENCES = "this generator draws no reference pictures; give weights"


class UnknownStyle(Permanent):
    """The definition asks for something that this generator cannot draw."""


def style_weights(definition: StyleDefinition, manifest: GeneratorManifest) -> Floats:
    """[S], the shares of the manifest's styles, their sum 1. Raises UnknownStyle."""
    if definition.weights is None:
        raise UnknownStyle(NO_REFERENCES)
    rows = {style.style_id: row for row, style in enumerate(manifest.styles)}
    weights: Floats = np.zeros(len(rows), np.float32)
    for style_id, share in definition.weights.items():
        if style_id not in rows:
            raise UnknownStyle(f"no style {style_id!r}; there are: {', '.join(rows)}")
        weights[rows[style_id]] = share
    weights /= weights.sum()
    return weights


def ground_colour(photo: Floats, weights: Floats, manifest: GeneratorManifest) -> Floats:
    """[H, W, 3], what plain ground becomes: the style's paper, or the photo's own ground."""
    ground = np.zeros_like(photo)
    for share, style in zip(weights, manifest.styles, strict=True):
        if style.paper is None:
            ground += share * photo
        else:
            ground += share * np.asarray(style.paper, np.float32) / np.float32(255)
    return ground


def parse_style(text: str, names: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """Folder name and weights of a style in words: a name, 'all', or 'a=0.7,b=0.3'.

    Raises UnknownStyle for another name, and for a share that is no number above 0.
    """
    if text == "all":
        return [(name, {name: 1.0}) for name in names]
    weights = dict(_parse_share(part) for part in text.split(","))
    for name in weights:
        if name not in names:
            raise UnknownStyle(f"no style {name!r}; there are: {', '.join(names)}, or all")
    return [("+".join(weights), weights)]


def _parse_share(part: str) -> tuple[str, float]:
    name, equals, share = part.partition("=")
    try:
        weight = float(share) if equals else 1.0
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise UnknownStyle(f"{part!r}: a share is a number above 0, as in {name}=0.7")
    return name.strip(), weight
