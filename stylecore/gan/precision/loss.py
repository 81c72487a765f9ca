"""What a precision costs: its renders beside the FP32 ones, before anything is composed.

How good either is as a picture is the evaluation's to say (`stylecast evaluate generator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stylecore.arrays import Floats
from stylecore.evaluation.structure import ssim
from stylecore.gan.onnx_file import cpu_session, run_session
from stylecore.gan.precision.ranges import Inputs
from stylecore.imaging.photo import LUMA


def loss_of(file: Path, fp32: Path, inputs: Sequence[Inputs]) -> dict[str, float]:
    """Figures over all pictures, and the worst style's.

    `difference`: mean absolute difference of 255; `ssim`: of luma, to the FP32 render; `..._worst`:
    the same of the style where it is worst.
    """
    ours, theirs = cpu_session(file), cpu_session(fp32)
    styles: dict[int, list[tuple[float, float]]] = {}
    for given in inputs:
        pair = (run_session(session, *given)[0] for session in (ours, theirs))
        styles.setdefault(int(given[1].argmax()), []).append(_compared(*pair))
    means = np.array([np.mean(figures, axis=0) for figures in styles.values()])
    return {
        "difference": round(float(means[:, 0].mean()), 3),
        "difference_worst": round(float(means[:, 0].max()), 3),
        "ssim": round(float(means[:, 1].mean()), 4),
        "ssim_worst": round(float(means[:, 1].min()), 4),
    }


def _compared(render: Floats, expected: Floats) -> tuple[float, float]:
    """Two pictures [3, H, W]: difference and similarity."""
    lumas = [np.tensordot(LUMA, picture, 1) for picture in (render, expected)]
    return 255 * float(np.abs(render - expected).mean()), ssim(*lumas)
