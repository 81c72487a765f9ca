"""What other precisions promise: the same pictures within a stated distance, on real photos.

The shipped generator is calibrated on sample photos and measured on others, small, so that it is
quick; the figures of the manifest come from more photos at the working size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from stylecore.evaluation.inputs import load_photos, spread
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.checkpoint import load_onnx_generator
from stylecore.gan.export import run_session
from stylecore.gan.networks import Generator
from stylecore.gan.quantize.calibrate import (
    Inputs,
    Ranges,
    equalised,
    observed_ranges,
    served_inputs,
)
from stylecore.gan.quantize.int8 import int8_model
from stylecore.gan.quantize.variants import fp16_model, loss_of
from stylecore.models import GENERATOR
from stylecore.rendering.engine import has_byte_dot_products
from stylecore.rendering.manifest import load_manifest

pytestmark = pytest.mark.training

SAMPLES = Path(__file__).parents[4] / "deploy" / "samples" / "photos"
FP32 = GENERATOR / "generator.onnx"
SIDE = 96


@pytest.fixture(scope="module")
def inputs() -> list[Inputs]:
    photos = load_photos(spread([SAMPLES], 4), SIDE)
    return served_inputs(load_manifest(GENERATOR), list(photos.values()))


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_onnx_generator(FP32)


@pytest.fixture(scope="module")
def ranges(generator: Generator, inputs: list[Inputs]) -> Ranges:
    return observed_ranges(generator, inputs)


@pytest.fixture(scope="module")
def int8(generator: Generator, ranges: Ranges, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("int8") / "generator.int8.onnx"
    onnx.save(int8_model(*equalised(generator, ranges)), file)
    return file


def test_photos_are_recorded_as_the_engine_would_get_them(inputs: list[Inputs]) -> None:
    styles = len(load_manifest(GENERATOR).styles)
    assert len(inputs) == 4 * styles
    photo, weights, noise = inputs[0]
    assert photo.shape == noise.shape
    assert photo.shape[:2] == (1, 3)
    assert 0 <= photo.min() <= photo.max() <= 1
    assert weights.shape == (1, styles)


def test_equalising_channels_changes_no_picture(
    generator: Generator, ranges: Ranges, inputs: list[Inputs]
) -> None:
    same, _ = equalised(generator, ranges)
    for given in inputs[::7]:
        tensors = [torch.from_numpy(part) for part in given]
        with torch.no_grad():
            torch.testing.assert_close(same(*tensors), generator(*tensors), atol=1e-3, rtol=0)


def test_int8_draws_nearly_what_fp32_draws(int8: Path, inputs: list[Inputs]) -> None:
    if not has_byte_dot_products():
        pytest.skip("this CPU sums products of bytes in 16 bits")
    loss = loss_of(int8, FP32, inputs)
    assert loss["difference_worst"] <= 5
    assert loss["ssim_worst"] >= 0.9


def test_int8_takes_every_size_and_blends(int8: Path) -> None:
    random = np.random.default_rng(0)
    shape = (1, 3, 48, 72)
    photo, noise = random.random(shape, np.float32), random.standard_normal(shape, np.float32)
    weights = random.dirichlet(np.ones(len(load_manifest(GENERATOR).styles)), 1).astype(np.float32)
    render = run_session(cpu_session(int8), photo, weights, noise)
    expected = run_session(cpu_session(FP32), photo, weights, noise)
    assert render.shape == shape
    assert np.abs(render - expected).mean() * 255 <= 5


def test_fp16_draws_what_fp32_draws(inputs: list[Inputs], tmp_path: Path) -> None:
    file = tmp_path / "generator.fp16.onnx"
    onnx.save(fp16_model(FP32), file)
    assert file.stat().st_size < 0.6 * FP32.stat().st_size
    loss = loss_of(file, FP32, inputs[::3])
    assert loss["difference_worst"] <= 0.5
    assert loss["ssim_worst"] >= 0.99
