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

from stylecore.arrays import Bools, Floats
from stylecore.errors import SettingsError
from stylecore.imaging.foreground import product_mask
from stylecore.imaging.photo import Photo, Pixels, decode, to_floats
from stylecore.rendering.matte import Cutout, MatteNet, cut_out

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
        "network": lambda photo: _largest(cut_out(photo, net)),
        "border": lambda photo: product_mask(to_floats(_shown(photo))),
    }
    if (grab_cut := load_grab_cut()) is not None:
        methods["grabcut"] = lambda photo: grab_cut(_shown(photo))
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
    files = sorted(mattes.rglob("*.png"))
    if not files:
        raise SettingsError(f"mattes: there is no .png in {mattes}")
    for index, file in enumerate(files):
        photo = _photo_of((photos / file.relative_to(mattes)).with_suffix(".jpg"), file)
        height, width = _shown(photo).shape[:2]
        given = _given(file, (width, height))
        for name, method in methods.items():
            found[name].append(figures_of(method(photo), given))
        if (index + 1) % EVERY == 0:
            progress(f"{index + 1} of {len(files)} photos")
    names = [str(file.relative_to(mattes).with_suffix("")) for file in files]
    scores = [row[0] for row in found["network"]]
    return MatteReport(
        {name: _summary(rows) for name, rows in found.items()},
        sorted(zip(names, scores, strict=True), key=lambda pair: pair[1]),
    )


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


def _photo_of(file: Path, matte: Path) -> Photo:
    if not file.is_file():
        raise SettingsError(f"photos: there is no {file} for {matte}")
    return decode(
        file.read_bytes(), short_side=SHORT_SIDE, max_pixels=MAX_PIXELS, output_side=LONGEST
    )


def _shown(photo: Photo) -> Pixels:
    """The photo at its full size."""
    return photo.pixels if photo.large is None else photo.large


def _largest(cutout: Cutout) -> Floats:
    return cutout.alpha if cutout.large_alpha is None else cutout.large_alpha


def _given(file: Path, size: tuple[int, int]) -> Floats:
    matte = Image.open(file).convert("L").resize(size, Image.Resampling.BILINEAR)
    return to_floats(np.asarray(matte))
