"""What other precisions promise: the same pictures within a stated distance, on real photos.

The shipped generator is calibrated on sample photos and measured on others, small, so that it is
quick; the figures of the manifest come from more photos at the working size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecore.evaluation.inputs import load_photos, spread
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.export import run_session
from stylecore.gan.quantize import (
    FLOAT_LAYERS,
    Feed,
    loss_of,
    served_feeds,
    write_fp16,
    write_int8,
)
from stylecore.models import GENERATOR
from stylecore.rendering.engine import has_byte_dot_products
from stylecore.rendering.manifest import load_manifest

pytestmark = pytest.mark.training

SAMPLES = Path(__file__).parents[3] / "deploy" / "samples" / "photos"
FP32 = GENERATOR / "generator.onnx"
SIDE = 96


@pytest.fixture(scope="module")
def feeds() -> list[Feed]:
    photos = load_photos(spread([SAMPLES], 4), SIDE)
    return served_feeds(load_manifest(GENERATOR), list(photos.values()))


@pytest.fixture(scope="module")
def int8(feeds: list[Feed], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("int8") / "generator.int8.onnx"
    write_int8(FP32, file, feeds, FLOAT_LAYERS)
    return file


def test_photos_are_recorded_as_the_engine_would_get_them(feeds: list[Feed]) -> None:
    styles = len(load_manifest(GENERATOR).styles)
    assert len(feeds) == 4 * styles
    photo, weights, noise = feeds[0].values()
    assert photo.shape == noise.shape
    assert photo.shape[:2] == (1, 3)
    assert 0 <= photo.min() <= photo.max() <= 1
    assert weights.shape == (1, styles)


def test_int8_draws_nearly_what_fp32_draws(int8: Path, feeds: list[Feed]) -> None:
    if not has_byte_dot_products():
        pytest.skip("this CPU sums products of bytes in 16 bits")
    loss = loss_of(int8, FP32, feeds)
    assert loss["difference_worst"] <= 5
    assert loss["ssim_worst"] >= 0.9


def test_int8_takes_every_size_batches_and_blends(int8: Path) -> None:
    random = np.random.default_rng(0)
    shape = (2, 3, 48, 72)
    photo, noise = random.random(shape, np.float32), random.standard_normal(shape, np.float32)
    weights = random.dirichlet(np.ones(len(load_manifest(GENERATOR).styles)), 2).astype(np.float32)
    render = run_session(cpu_session(int8), photo, weights, noise)
    expected = run_session(cpu_session(FP32), photo, weights, noise)
    assert render.shape == shape
    assert np.abs(render - expected).mean() * 255 <= 5


def test_fp16_draws_what_fp32_draws(feeds: list[Feed], tmp_path: Path) -> None:
    file = tmp_path / "generator.fp16.onnx"
    write_fp16(FP32, file)
    assert file.stat().st_size < 0.6 * FP32.stat().st_size
    loss = loss_of(file, FP32, feeds[::3])
    assert loss["difference_worst"] <= 0.5
    assert loss["ssim_worst"] >= 0.99
