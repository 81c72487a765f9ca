"""Composition on ONNX Runtime: from a render to the finished picture at the photo's size.

Three graphs, exported from torch (stylecore/gan/composition.py), run on the device that runs the
generator. Photos go in as uint8 and pictures come out as uint8. `small_planes` gives a render its
style's colours at the working size; `mixed` enlarges them, puts back what of the photo is finer and
lays the product on its ground. On a CPU the finished picture is computed in rectangles whose planes
stay in the processor's cache; on a GPU at once.

- Finish: sharpness, colour and tint of the style, at each place alone, so that a render moves along
  with its photo in a clip.
- Fine detail: the network draws at the working size. What of the photo is finer (the finest level
  of a Laplacian pyramid, Burt and Adelson 1983) is added to the enlarged render, as much and with
  the sign with which the render follows the photo there: the slope of a local linear fit, as in
  guided upsampling (He and Sun, "Fast guided filter", 2015). Only luminance is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import onnxruntime
from PIL import Image

from stylecore.arrays import Bytes, Floats
from stylecore.imaging.photo import LUMA, Pixels
from stylecore.models import COMPOSITION
from stylecore.rendering.manifest import PostprocessParams

SMALL, LARGE, LARGE_PRODUCT = "small.onnx", "large.onnx", "large_product.onnx"
SMALL_INPUTS = ("render", "photo", "finish", "tint")
LARGE_INPUTS = (
    *("planes", "rows", "columns", "photo", "mask", "ground", "strengths"),
    *("tone", "colors", "alpha"),
)
"""The last three for a product that was cut out."""
MARGIN = 14
"""Pixels of the mirrored edge that `small.onnx` needs on every side."""
RECTANGLE = (256, 128)
"""Rows and columns that are computed at a time on a CPU."""
_ERRORS_ONLY = 3
Provider = Literal["cuda", "cpu"]
PROVIDER_NAMES: dict[Provider, str] = {
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


@dataclass(frozen=True)
class ProductLayers:
    """What a picture of a product that was cut out needs besides."""

    contour: Floats
    """[h, w] of the working size: the share of the contour's tone."""
    tone: Floats
    """[3] of 0-255."""
    colors: Pixels
    """[H, W, 3], the product's own."""
    alpha: Bytes
    """[H, W], where the product keeps its own strength."""


class Composition:
    """The three graphs, loaded for a provider."""

    def __init__(self, provider: Provider) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = 1
        # The optimiser moves transpositions to where products broadcast over three channels in the
        # innermost axis, which takes twice as long as the graph as it was exported.
        level = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_DISABLE_ALL
        self._sessions: dict[str, Any] = {
            file: onnxruntime.InferenceSession(
                COMPOSITION / file, options, providers=[PROVIDER_NAMES[provider]]
            )
            for file in (SMALL, LARGE, LARGE_PRODUCT)
        }
        self._rectangle = RECTANGLE if provider == "cpu" else None

    def small_planes(self, render: Floats, photo: Floats, params: PostprocessParams) -> Floats:
        """Return [5, h, w]: RGB and the photo's luminance of 0-255, and the share of its detail.

        render and photo [h, w, 3] of 0-1, at the working size.
        """
        tint = np.array(params.tint, np.float32)
        finish = (params.sharpness, params.photo, params.colour, params.detail)
        inputs = (
            _mirrored(render),
            _mirrored(photo),
            np.array(finish, np.float32),
            tint / np.float32(tint @ LUMA),
        )
        planes: Floats = self._run(SMALL, dict(zip(SMALL_INPUTS, inputs, strict=True)))
        return planes

    def mixed(
        self,
        planes: Floats,
        photo: Pixels,
        mask: Bytes,
        ground: Floats,
        strengths: tuple[float, float],
        product: ProductLayers | None,
    ) -> Pixels:
        """Return the finished picture [H, W, 3].

        planes: those of `small_planes`; photo [H, W, 3] and mask [H, W]: at the finished size;
        ground [4]: the photo's share of the ground, and its colour of 0-1; strengths: of the whole
        and of the product, 0-1.
        """
        if product is not None:
            planes = np.concatenate([planes, product.contour[None]])
        scaled = ground * np.array([1, 255, 255, 255], np.float32)
        given = {"ground": scaled, "strengths": np.array(strengths, np.float32)}
        if product is not None:
            given["tone"] = product.tone
        picture = np.empty_like(photo)
        down, across = self._rectangle or photo.shape[:2]
        for rows, first, rows_weights in _bands(planes.shape[1], photo.shape[0], down):
            for columns, second, columns_weights in _bands(planes.shape[2], photo.shape[1], across):
                part = {
                    "planes": planes[:, first, second],
                    "rows": rows_weights,
                    "columns": columns_weights.T,
                    "photo": photo[rows, columns],
                    "mask": mask[rows, columns],
                }
                if product is not None:
                    part["colors"] = product.colors[rows, columns]
                    part["alpha"] = product.alpha[rows, columns]
                file = LARGE if product is None else LARGE_PRODUCT
                picture[rows, columns] = self._run(file, part | given)
        return picture

    def _run(self, file: str, inputs: dict[str, Any]) -> Any:
        contiguous = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        return self._sessions[file].run(None, contiguous)[0]


@lru_cache(maxsize=64)
def _bands(small: int, large: int, step: int) -> list[tuple[slice, slice, Floats]]:
    """Split a side of `large` pixels into bands of at most `step`, enlarged from `small` pixels.

    Returns for each the slice of the large side, that of the small one on which it depends, and the
    weights [large, small] between the two: Pillow's bicubic filter, found by enlarging the unit
    matrix.
    """
    unit = Image.fromarray(np.eye(small, dtype=np.float32))
    weights = np.asarray(unit.resize((small, large), Image.Resampling.BICUBIC))
    bands = []
    for start in range(0, large, step):
        rows = slice(start, min(start + step, large))
        used = np.flatnonzero(weights[rows].any(axis=0))
        columns = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((rows, columns, np.ascontiguousarray(weights[rows, columns])))
    return bands


def _mirrored(picture: Floats) -> Floats:
    edges = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.pad(np.asarray(picture, np.float32), edges, mode="symmetric")
