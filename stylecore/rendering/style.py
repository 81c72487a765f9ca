"""Style definitions in the generator's terms: weights by row of the manifest, colours, ground.

A reference picture as a style is the blend of the generator's strokes nearest to it, with its
colours and its paper. The encoder (an ONNX file beside the generator) gives the weights; dominant
colours, their mean and covariance, and the paper are measured here. What is depicted, strokes that
the generator has not learnt, and where a colour is in the picture are not taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from schemas.events import StyleDefinition
from stylecore.arrays import Bools, Floats
from stylecore.errors import Permanent
from stylecore.imaging.color import Gaussian, gaussian_of, to_oklab
from stylecore.imaging.palette import dominant_colours
from stylecore.imaging.photo import Photo, to_floats
from stylecore.rendering.manifest import GeneratorManifest

NO_REFERENCES = "this generator draws no reference pictures; give weights"


class UnknownStyle(Permanent):
    """The definition asks for something that this generator cannot draw."""


def style_weights(definition: StyleDefinition, manifest: GeneratorManifest) -> Floats:
    """Return [S], the shares of the manifest's styles, their sum 1. Raises UnknownStyle."""
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


def drawn_ground(weights: Floats, manifest: GeneratorManifest) -> Floats:
    """Return [4], what plain ground becomes: the photo's share of it, and its colour of 0-1.

    A style with paper brings its colour; under the others the photo's own ground stays.
    """
    ground: Floats = np.zeros(4, np.float32)
    for share, style in zip(weights, manifest.styles, strict=True):
        if style.paper is None:
            ground[0] += share
        else:
            ground[1:] += share * np.asarray(style.paper, np.float32) / np.float32(255)
    return ground


def laid_out(ground: Floats, photo: Floats) -> Floats:
    """Return the ground [H, W, 3] about a photo [H, W, 3], of its share and colour [4]."""
    return np.asarray(ground[0] * photo + ground[1:], np.float32)


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


INPUT, OUTPUT = "picture", "weights"
LONGEST = 512
"""Pixels of a side that the encoder looks at, from the middle: strokes are alike all over."""
RING = 0.03
"""Width of the border that may be paper, as a share of the shorter side."""
PLAIN_SHARE, NEAR_PAPER = 0.9, 0.05
"""How much of the border must be within this distance in OKLab of its middle colour."""
INKED = 0.01
"""Share of a row or column that must be no paper for it to belong to the picture proper."""
_ERRORS_ONLY = 3


@dataclass(frozen=True)
class Reference:
    """What a render takes from a reference picture."""

    weights: Floats
    """[S], the shares of the generator's styles, their sum 1."""
    colours: Gaussian
    """Of the picture without its paper."""
    palette: Floats
    """[n,3], its dominant colours in OKLab, dark to light."""
    paper: Floats | None
    """[3], RGB in 0-1, where the picture has an even border."""
    sha256: str
    """Of the picture's bytes."""


class ReferenceEncoder:
    """The loaded encoder; it runs on the CPU."""

    def __init__(self, folder: Path, file: str, *, threads: int = 1) -> None:
        """Load the encoder `file` of a generator's folder, whose manifest has been checked."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            folder / file, options, providers=["CPUExecutionProvider"]
        )

    def weights(self, picture: Floats) -> Floats:
        """The shares [S] of the generator's styles, sum 1, for a picture [H, W, 3] in 0-1."""
        planes = np.ascontiguousarray(middle(picture).transpose(2, 0, 1)[None], np.float32)
        (found,) = self._session.run([OUTPUT], {INPUT: planes})
        weights: Floats = found[0] / found[0].sum()
        return weights


def load_encoder(
    folder: Path, manifest: GeneratorManifest, *, threads: int = 1
) -> ReferenceEncoder | None:
    """Return the encoder that the manifest names, None where the generator has none."""
    if manifest.reference is None:
        return None
    return ReferenceEncoder(folder, manifest.reference.file, threads=threads)


def reference_of(photo: Photo, encoder: ReferenceEncoder | None) -> Reference:
    """What a decoded picture says as a style. Raises UnknownStyle where there is no encoder."""
    if encoder is None:
        raise UnknownStyle(NO_REFERENCES)
    picture = to_floats(photo.pixels)
    paper = paper_of(picture)
    lab = to_oklab(picture)
    inked = np.ones(lab.shape[:2], bool)
    if paper is not None:
        inked = np.linalg.norm(lab - to_oklab(paper), axis=-1) > NEAR_PAPER
    pixels = lab[inked] if inked.mean() > INKED else lab.reshape(-1, 3)
    return Reference(
        weights=encoder.weights(trimmed(picture, inked)),
        colours=gaussian_of(pixels),
        palette=dominant_colours(pixels),
        paper=paper,
        sha256=photo.sha256,
    )


def paper_of(picture: Floats) -> Floats | None:
    """Return the colour [3] of an even border, RGB in 0-1; None where there is none."""
    height, width = picture.shape[:2]
    inner = max(1, round(RING * min(height, width)))
    ring = np.ones((height, width), bool)
    ring[inner : height - inner, inner : width - inner] = False
    border = to_oklab(picture[ring])
    even = np.linalg.norm(border - np.median(border, axis=0), axis=-1) < NEAR_PAPER
    if even.mean() < PLAIN_SHARE:
        return None
    return np.asarray(np.median(picture[ring][even], axis=0), np.float32)


def trimmed(picture: Floats, inked: Bools) -> Floats:
    """The picture [H, W, 3] without its empty margins; the whole where that leaves too little."""
    rows, columns = (np.flatnonzero(inked.mean(axis=axis) > INKED) for axis in (1, 0))
    if len(rows) < len(picture) // 4 or len(columns) < picture.shape[1] // 4:
        return picture
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def middle(picture: Floats) -> Floats:
    """Return at most LONGEST pixels of each side, from the middle."""
    top, left = (max(0, (side - LONGEST) // 2) for side in picture.shape[:2])
    return picture[top : top + LONGEST, left : left + LONGEST]
