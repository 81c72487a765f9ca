"""Swatches: the same small procedural scene in every style with its finish, for lists of styles.

It is no photo, so that a swatch can ship whatever the photos' licence is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylecore.arrays import Floats
from stylecore.detail import with_fine_luminance
from stylecore.finishing import finished
from stylecore.gan.onnx_file import cpu_session, run_session
from stylecore.gan.teachers import StyleInfo
from stylecore.imaging.noise import noise_field
from stylecore.imaging.photo import to_pixels

SWATCH_SIDE = 96
"""Pixels; rendered at twice that."""


def write_swatches(file: Path, styles: Sequence[StyleInfo], folder: Path) -> None:
    """A small render of the same procedural scene in each style."""
    folder.mkdir(parents=True, exist_ok=True)
    session = cpu_session(file)
    scene = swatch_scene(2 * SWATCH_SIDE)
    photo = scene.transpose(2, 0, 1)[None]
    noise = noise_field(1, 2 * SWATCH_SIDE, 2 * SWATCH_SIDE).transpose(2, 0, 1)[None]
    for row, style in enumerate(styles):
        weights = np.eye(len(styles), dtype=np.float32)[row : row + 1]
        render = run_session(session, photo, weights, np.ascontiguousarray(noise))[0]
        drawn = finished(render.transpose(1, 2, 0), scene, style.finish)
        picture = Image.fromarray(to_pixels(with_fine_luminance(drawn, scene, style.finish.detail)))
        small = picture.resize((SWATCH_SIDE, SWATCH_SIDE), Image.Resampling.LANCZOS)
        small.save(folder / f"{style.style_id}.png", optimize=True)


def swatch_scene(side: int) -> Floats:
    """[side, side, 3]: a lit ball with a striped band on a two-coloured ground."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    ground = np.where((y > 0.45)[..., None], (0.82, 0.72, 0.55), (0.62, 0.76, 0.86))
    height = np.sqrt(np.clip(0.72**2 - x**2 - y**2, 0, None))
    light = 0.35 + 0.65 * np.clip((-0.5 * x - 0.6 * y + 0.65 * height) / 0.72, 0, 1)
    band = (np.abs(y + 0.25 * height) < 0.13)[..., None]
    ball = np.where(band, (0.95, 0.88, 0.7), (0.85, 0.22, 0.18)) * light[..., None]
    scene = np.where((x**2 + y**2 < 0.72**2)[..., None], ball, ground)
    return np.clip(scene, 0, 1).astype(np.float32)
