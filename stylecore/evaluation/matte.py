"""Figures of a matte network on photos with known mattes, beside two baselines.

Baselines: the mask grown from a plain border (stylecore/imaging/foreground.py), which takes a photo
whose border is not plain as product all over, and GrabCut (Rother et al., SIGGRAPH 2004; OpenCV,
where it is installed) from a frame of 3 %.

- iou: of both mattes cut at one half; mean, and the 5th percentile as `iou_p5`.
- difference: mean absolute difference of alpha.
- boundary: F-measure of the outlines, a pixel counting as found within 2 px of the other outline
  (Martin et al., PAMI 2004).
- edge: mean absolute difference of alpha within 4 px of the given edge, at the photo's full size.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Bools, Bytes, Floats
from stylecore.errors import SettingsError
from stylecore.imaging.foreground import product_mask
from stylecore.imaging.photo import Photo, Pixels, decode, to_floats
from stylecore.rendering.matte import MatteNet, cut_out

MAX_PIXELS = 50_000_000
SHORT_SIDE, LONGEST = 256, 100_000
NEAR, BAND = 2, 4
FIGURES = ("iou", "iou_p5", "difference", "boundary", "edge")
EVERY = 50
"""Photos after which the progress is reported."""


@dataclass(frozen=True)
class MatteReport:
    """Figures by method, and the photos with their IoU by the network, the worst first."""

    rows: dict[str, dict[str, float]]
    photos: list[tuple[str, float]]


def evaluate_matte(
    net: MatteNet, photos: Path, mattes: Path, progress: Callable[[str], None]
) -> MatteReport:
    """Measure the network and the baselines on every matte of a folder, and its photo.

    A photo has its matte's path below `photos`, as .jpg. Raises SettingsError where there is no
    matte, or one without photo.
    """
    methods: dict[str, Callable[[Photo], Floats]] = {
        "network": lambda photo: cut_out(photo, net).largest[1],
        "border": lambda photo: product_mask(to_floats(_shown(photo))),
    }
    if (grab_cut := load_grab_cut()) is not None:
        methods["grabcut"] = lambda photo: grab_cut(_shown(photo))
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
    pairs = photos_with_mattes(photos, mattes)
    for index, (file, matte) in enumerate(pairs):
        photo = decode(
            file.read_bytes(), short_side=SHORT_SIDE, max_pixels=MAX_PIXELS, output_side=LONGEST
        )
        height, width = _shown(photo).shape[:2]
        given = to_floats(read_matte(matte, (width, height)))
        for name, method in methods.items():
            found[name].append(figures_of(method(photo), given))
        if (index + 1) % EVERY == 0:
            progress(f"{index + 1} of {len(pairs)} photos")
    names = [str(matte.relative_to(mattes).with_suffix("")) for _, matte in pairs]
    scores = [row[0] for row in found["network"]]
    return MatteReport(
        {name: _summary(rows) for name, rows in found.items()},
        sorted(zip(names, scores, strict=True), key=lambda pair: pair[1]),
    )


def photos_with_mattes(photos: Path, mattes: Path) -> list[tuple[Path, Path]]:
    """Return every matte (.png) of a folder with its photo: the same path below `photos`, as .jpg.

    Raises SettingsError where there is no matte, or one without photo.
    """
    pairs = [
        ((photos / matte.relative_to(mattes)).with_suffix(".jpg"), matte)
        for matte in sorted(mattes.rglob("*.png"))
    ]
    if not pairs:
        raise SettingsError(f"mattes: there is no .png in {mattes}")
    for photo, matte in pairs:
        if not photo.is_file():
            raise SettingsError(f"mattes: there is no {photo} for {matte}")
    return pairs


def read_matte(file: Path, size: tuple[int, int]) -> Bytes:
    """Read a matte [H, W] of 0-255 at the size (width, height) of its photo."""
    return np.asarray(Image.open(file).convert("L").resize(size, Image.Resampling.BILINEAR))


def figures_of(alpha: Floats, given: Floats) -> tuple[float, float, float, float]:
    """IoU, difference, boundary F-measure and difference at the edge of two mattes [H, W]."""
    mine, theirs = alpha >= 0.5, given >= 0.5
    joined = float((mine | theirs).sum())
    overlap = float((mine & theirs).sum()) / joined if joined else 1.0
    apart = np.abs(alpha - given)
    size = 2 * BAND + 1
    band = ndimage.maximum_filter(given, size) - ndimage.minimum_filter(given, size) > 0.1
    edge = float(apart[band].mean()) if band.any() else 0.0
    return overlap, float(apart.mean()), boundary_f(mine, theirs), edge


def boundary_f(mine: Bools, theirs: Bools) -> float:
    """F-measure of two masks' outlines [H, W]; 1 where both have none."""
    first, second = (mask & ~ndimage.binary_erosion(mask) for mask in (mine, theirs))
    if not first.any() or not second.any():
        return float(first.any() == second.any())
    near = [ndimage.binary_dilation(line, iterations=NEAR) for line in (first, second)]
    precision, recall = float(near[1][first].mean()), float(near[0][second].mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def load_grab_cut() -> Callable[[Pixels], Floats] | None:
    """Return GrabCut from a frame, [H, W, 3] to [H, W]; None where OpenCV is not installed."""
    try:
        cv2 = importlib.import_module("cv2")
    except ModuleNotFoundError:
        return None

    def cut(pixels: Pixels) -> Floats:
        height, width = pixels.shape[:2]
        mask = np.zeros((height, width), np.uint8)
        inset = max(2, round(0.03 * min(height, width)))
        frame = (inset, inset, width - 2 * inset, height - 2 * inset)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        cv2.grabCut(bgr, mask, frame, *models, 5, cv2.GC_INIT_WITH_RECT)
        return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)

    return cut


def _summary(rows: list[tuple[float, ...]]) -> dict[str, float]:
    overlap, difference, boundary, edge = np.array(rows).T
    values = (
        overlap.mean(),
        np.percentile(overlap, 5),
        difference.mean(),
        boundary.mean(),
        edge.mean(),
    )
    return dict(zip(FIGURES, map(float, values), strict=True))


def _shown(photo: Photo) -> Pixels:
    """The photo at its full size."""
    return photo.pixels if photo.large is None else photo.large
