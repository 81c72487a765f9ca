"""What the export promises: ONNX draws what torch draws, and the folder describes itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from synthetic_pairs import TINY, tiny_settings

from stylecore.errors import SettingsError
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.checkpoint import CHECKPOINT, load_onnx_generator
from stylecore.gan.export import (
    add_figures,
    checked_inputs,
    example_inputs,
    export,
    export_generator,
    run_session,
    with_styles_kept,
)
from stylecore.gan.networks import Generator
from stylecore.gan.onnx_file import largest_difference
from stylecore.gan.reference.export import add_encoder
from stylecore.gan.reference.fit import ReferenceSettings
from stylecore.gan.train import train
from stylecore.rendering.manifest import GeneratorManifest, load_manifest
from stylecore.rendering.style import load_encoder

pytestmark = pytest.mark.training

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    made = Generator(TINY).eval()
    for layer in (made.quarter_noise, made.eighth_noise):
        torch.nn.init.normal_(layer.weight)
    return made


@pytest.fixture(scope="module")
def file(generator: Generator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "generator.onnx"
    export_generator(generator, path)
    return path


def test_onnx_draws_what_torch_draws_at_every_size(generator: Generator, file: Path) -> None:
    assert largest_difference(generator, file, checked_inputs(generator)) <= 1e-3


def test_any_shape_comes_back_exactly(generator: Generator, file: Path) -> None:
    loaded = load_onnx_generator(file)
    assert loaded.shape == TINY
    for name, kept in generator.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], kept), name


def test_a_batch_of_mixed_styles_equals_one_by_one_in_onnx(file: Path) -> None:
    photo, weights, noise = (part.numpy() for part in example_inputs(3, 4, 40, 72, seed=5))
    session = cpu_session(file)
    together = run_session(session, photo, weights, noise)
    for row in range(4):
        one = slice(row, row + 1)
        alone = run_session(session, photo[one], weights[one], noise[one])
        np.testing.assert_allclose(together[one], alone, atol=1e-5)


def test_the_file_names_no_machine(file: Path) -> None:
    assert b"/stylecore/" not in file.read_bytes()


def test_dropping_a_style_leaves_the_others_as_they_were(generator: Generator) -> None:
    photo, _, noise = example_inputs(3, 1, 32, 32, seed=6)
    fewer = with_styles_kept(generator, [2, 0])
    with torch.no_grad():
        before = generator(photo, torch.tensor([[0.0, 0.0, 1.0]]), noise)
        after = fewer(photo, torch.tensor([[1.0, 0.0]]), noise)
    torch.testing.assert_close(before, after)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GeneratorManifest]:
    """The folder of a short run, exported without one of its styles into generator/."""
    folder = tmp_path_factory.mktemp("run")
    styles = ("watercolour", "ukiyo-e", "neon")
    checkpoint = train(tiny_settings(folder, steps=2, names=styles), styles, lambda _: None)
    made = export(checkpoint, folder / "generator", version="1", now=NOW, dropped=["ukiyo-e"])
    return folder, made


def test_a_run_is_exported_with_manifest_and_swatches(
    exported: tuple[Path, GeneratorManifest],
) -> None:
    folder, made = exported[0] / "generator", exported[1]
    assert load_manifest(folder) == made
    assert [style.style_id for style in made.styles] == ["watercolour", "neon"]
    assert made.training.steps == 2
    for style in made.styles:
        with Image.open(folder / style.swatch) as swatch:
            assert swatch.size == (96, 96)
    assert add_figures(folder, {"neon": {"ssim": 0.5}}).figures == {"neon": {"ssim": 0.5}}


def test_an_encoder_ships_beside_its_generator_and_serves_the_same(
    exported: tuple[Path, GeneratorManifest],
) -> None:
    output, settings = exported[0] / "generator", tiny_settings(exported[0])
    quick = ReferenceSettings(
        examples=6, bank_steps=6, render_steps=2, render_batch=2, crop=48, report_every=1
    )
    manifest = add_encoder(
        output,
        *(settings.styles, settings.perceptual, settings.pairs, quick, print),
        settings.run / CHECKPOINT,
    )
    assert load_manifest(output) == manifest
    encoder = load_encoder(output, manifest)
    assert encoder is not None
    weights = encoder.weights(np.random.default_rng(0).random((90, 300, 3)).astype(np.float32))
    assert weights.shape == (2,)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no folder of a training run"):
        export(tmp_path / "checkpoint.pt", tmp_path / "out", version="1", now=NOW)
