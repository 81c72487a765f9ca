"""The figures are those of the tool beside the real data, where both are to be had."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from stylecore.evaluation.generator import EvaluationSettings, evaluate
from stylecore.models import GENERATOR
from stylecore.rendering.engine import Engine

DATA = os.environ.get("STYLECAST_DATA")
TOOL = Path(DATA or ".").resolve().parent / "tools" / "taste.py"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(DATA is None, reason="STYLECAST_DATA names no folder of real photos"),
    pytest.mark.skipif(not TOOL.is_file(), reason=f"there is no {TOOL}"),
]

SAME = {
    "ssim": "ssim_luma.mean",
    "retrieval": "retrieval.top1",
    "progress": "style_match.progress",
    "accuracy": "style_match.accuracy",
    "apart": "distinct.accuracy",
    "texture": "changed.texture",
    "fine": "detail.signal",
    "fine_energy": "detail.energy",
    "checkerboard": "artefacts.checkerboard_excess_db",
    "border": "artefacts.border_excess",
    "uneven": "white_drift.spread",
    "shift": "stability.mean_abs",
}


@pytest.fixture(scope="module")
def taste():
    """The tool as a module."""
    spec = importlib.util.spec_from_file_location("taste_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_figure_that_both_have_agrees(taste, tmp_path):
    data = Path(DATA)
    photos = (data / "products" / "packshots", data / "products" / "test" / "hat")
    weights = data / "perceptual" / "squeezenet1_0.npz"
    wanted = EvaluationSettings(
        *(photos, data / "styles", tmp_path, weights),
        limit=3,
        threads=1,
        teachers=False,
        only=("ink-line", "van-gogh", "pop-art"),
    )
    ours = evaluate(wanted, Engine(GENERATOR, provider="cpu", threads=1), lambda _: None)
    theirs = taste.evaluate(
        [tmp_path / "originals"],
        tmp_path / "generator",
        data / "styles",
        tmp_path / "shifted",
        shift=3,
        weights=weights,
    )
    compared = 0
    for style, report in theirs.styles.items():
        flat = taste.flat_figures(report)
        for name, their_name in SAME.items():
            if their_name in flat:
                mine = ours.styles[style]["generator"][name]
                assert mine == pytest.approx(flat[their_name], abs=2e-3), (style, name)
                compared += 1
    assert compared > 25
