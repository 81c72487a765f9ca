"""What training a feature network promises, on a few made-up photos and the shipped generator."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from synthetic_pairs import SQUEEZENET

from stylecore.errors import SettingsError
from stylecore.gan.features.data import (
    random_geometry,
    recoloured,
    split,
    styles_in_rotation,
    views,
)
from stylecore.gan.features.export import Calibrated, add_figures, export_features, load_checkpoint
from stylecore.gan.features.settings import FeaturesSettings, FeaturesShape
from stylecore.gan.features.train import (
    class_weights,
    fitted_temperature,
    pair_contrast,
    train_features,
)
from stylecore.imaging.contact_sheet import LabelledPhoto, labelled_photos
from stylecore.models import GENERATOR
from stylecore.rendering.features import PHOTO, FeatureNet

pytestmark = pytest.mark.training

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SIDE = 32
"""Of the network in these tests."""


def write_photos(folder: Path, count: int) -> Path:
    """Two categories that differ in colour and grain, `count` photos each."""
    for category, tint, grain in (("rough", (1.0, 0.5, 0.3), 1.5), ("smooth", (0.3, 0.5, 1.0), 9)):
        (folder / category).mkdir(parents=True)
        for number in range(count):
            field = np.random.default_rng(number).standard_normal((64, 48))
            cloth = 0.6 + ndimage.gaussian_filter(field, grain) * grain
            pixels = (np.clip(cloth[..., None] * tint, 0, 1) * 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / category / f"{number}.png")
    return folder


def write_eye(path: Path) -> Path:
    """SqueezeNet's layout up to fire9 with random weights."""
    random = np.random.default_rng(0)
    layout = SQUEEZENET | {
        f"fire{number}/{part}": (target, source, kernel)
        for number, squeezed, narrow, before in (
            (6, 48, 192, 256),
            (7, 48, 192, 384),
            (8, 64, 256, 384),
            (9, 64, 256, 512),
        )
        for part, target, source, kernel in (
            ("squeeze1x1", squeezed, before, 1),
            ("expand1x1", narrow, squeezed, 1),
            ("expand3x3", narrow, squeezed, 3),
        )
    }
    arrays = {}
    for layer, (target, source, kernel) in layout.items():
        deviation = np.sqrt(2 / (source * kernel * kernel)) / (100 if layer == "conv1" else 1)
        weights = random.standard_normal((target, source, kernel, kernel)) * deviation
        arrays[f"{layer}.w"] = weights.astype(np.float32)
        arrays[f"{layer}.b"] = np.zeros(target, np.float32)
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> FeaturesSettings:
    folder = tmp_path_factory.mktemp("features")
    return FeaturesSettings(
        photos=write_photos(folder / "photos", 6),
        generator=GENERATOR,
        perceptual=write_eye(folder / "eye.npz"),
        run=folder / "run",
        steps=30,
        batch=8,
        pairs=6,
        input_side=SIDE,
        small_side=SIDE,
        held_out=0.2,
        bf16=False,
        log_every=1,
        shape=FeaturesShape(channels=(8, 8, 16, 16), cells=4, hidden=16, embedding=8),
    )


@pytest.fixture(scope="module")
def checkpoint(tiny: FeaturesSettings) -> Path:
    return train_features(tiny, lambda _: None)


@pytest.fixture(scope="module")
def exported(
    tiny: FeaturesSettings, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export_features(checkpoint, tiny, folder, version="1", now=NOW)
    return folder


def test_losses_fall_and_the_run_folder_tells_the_run(
    tiny: FeaturesSettings, checkpoint: Path
) -> None:
    lines = [json.loads(line) for line in (tiny.run / "losses.jsonl").read_text().splitlines()]
    for name in ("category", "style", "contrast"):
        figures = [line[name] for line in lines]
        assert np.mean(figures[-8:]) < 0.95 * np.mean(figures[:4]), name
    assert json.loads((tiny.run / "settings.json").read_bytes())["seed"] == tiny.seed
    assert len(list(tiny.run.rglob("*.webp"))) == 12
    assert checkpoint.is_file()


def test_onnx_says_what_torch_says_and_the_folder_describes_itself(
    tiny: FeaturesSettings, checkpoint: Path, exported: Path
) -> None:
    net = FeatureNet(exported)
    assert net.manifest.training.photos == 10
    assert net.manifest.training.renders == 12
    assert net.categories == ("rough", "smooth")
    assert net.styles[-1] == PHOTO
    pixels = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    network, trained = load_checkpoint(checkpoint, tiny)
    with torch.no_grad():
        expected = Calibrated(network, trained.temperatures).eval()(
            torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        )
    found = net.describe_squashed(pixels)
    for ours, theirs in zip(
        expected, (found.embedding, found.categories, found.styles), strict=True
    ):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)
    assert b"/stylecore/" not in (exported / net.manifest.file).read_bytes()


def test_figures_and_the_card_follow_from_photos(exported: Path, tmp_path: Path) -> None:
    made = add_figures(exported, GENERATOR, write_photos(tmp_path, 1), 1, lambda _: None)
    assert 0 <= made.figures["accuracy"] <= 1
    card = (exported / "MODEL_CARD.md").read_text()
    assert "| rough | 1 |" in card
    assert f"{made.figures['accuracy']:.3f}" in card


def test_what_cannot_be_trained_on_is_told(tiny: FeaturesSettings, tmp_path: Path) -> None:
    for name, path in {"photos": tmp_path, "perceptual": tmp_path / "no.npz"}.items():
        with pytest.raises(SettingsError, match=f"^{name}: "):
            train_features(msgspec.structs.replace(tiny, **{name: path}), lambda _: None)


def test_every_category_is_held_out_in_part_and_nothing_is_in_both(
    tiny: FeaturesSettings,
) -> None:
    photos = labelled_photos(tiny.photos)
    kept, held_out = split(photos, 0.2, np.random.default_rng(0))
    assert sorted(kept + held_out) == list(range(len(photos)))
    assert {photos[place].category for place in held_out} == {"rough", "smooth"}
    with pytest.raises(SettingsError, match="one photo only"):
        split([LabelledPhoto(Path("a.jpg"), "a")], 0.2, np.random.default_rng(0))


@given(st.integers(0, 50), st.integers(1, 5))
def test_neighbouring_photos_take_turns_at_the_styles(index: int, count: int) -> None:
    styles = ["a", "b", "c"]
    drawn = styles_in_rotation(index, styles, count)
    assert len(set(drawn)) == len(drawn) == min(count, 3)
    assert {styles_in_rotation(index + turn, styles, 1)[0] for turn in range(3)} == set(styles)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=10))
def test_class_weights_favour_small_classes_and_have_mean_1(counts: list[int]) -> None:
    found = class_weights(torch.tensor(counts)).double()
    total = torch.tensor(counts).double()
    assert float((found * total).sum() / total.sum()) == pytest.approx(1, abs=1e-4)
    assert int(found.argmax()) in [i for i, c in enumerate(counts) if c == min(counts)]


def test_pairs_that_agree_have_less_contrast_than_pairs_that_do_not() -> None:
    unit = torch.eye(5)
    assert pair_contrast(unit, unit, 0.1) < 0.01
    assert pair_contrast(unit, unit.roll(1, 0), 0.1) > 5


def test_the_temperature_of_a_boaster_is_above_1() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=random)
    truth = torch.multinomial(torch.softmax(logits, dim=1), 1, generator=random)[:, 0]
    assert fitted_temperature(logits, truth) == pytest.approx(1, abs=0.1)
    assert fitted_temperature(3 * logits, truth) == pytest.approx(3, abs=0.3)


def test_views_are_pictures_and_the_same_for_a_seed() -> None:
    pixels = torch.randint(0, 256, (6, 3, 40, 40), dtype=torch.uint8)
    first, second = (
        recoloured(views(pixels, random_geometry(6, random), 32), random)
        for random in (torch.Generator().manual_seed(3), torch.Generator().manual_seed(3))
    )
    assert first.shape == (6, 3, 32, 32)
    assert torch.equal(first, second)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1
