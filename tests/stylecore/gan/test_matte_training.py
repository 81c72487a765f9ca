"""What training a matte network promises, on a few made-up photos with exact mattes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from PIL import Image

from stylecore.errors import SettingsError
from stylecore.gan.matte.data import Cutout, MatteData, draw_batch, empty_piece
from stylecore.gan.matte.export import add_figures, export_matte
from stylecore.gan.matte.network import MatteNetwork, MatteShape
from stylecore.gan.matte.train import MatteSettings, start_from_features, train_matte
from stylecore.gan.training import load_state
from stylecore.models import FEATURES
from stylecore.rendering.matte import MatteNet

pytestmark = pytest.mark.training

SHAPE = MatteShape(encoder=(4, 6, 8, 8), whole=8, decoder=(4, 4, 6, 8))


def made_up(number):
    """A disc in one colour on a ground in another, [96, 72], and its matte."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[0:96, 0:72]
    center = random.uniform((36, 28), (60, 44))
    disc = (np.hypot(y - center[0], x - center[1]) < 20)[..., None]
    product, ground = random.integers(0, 256, (2, 3))
    photo = np.where(disc, product, ground).astype(np.uint8)
    return photo, (disc[..., 0] * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("mattes")
    for folder in ("photos/a", "mattes/a"):
        (root / folder).mkdir(parents=True)
    for number in range(6):
        photo, matte = made_up(number)
        Image.fromarray(photo).save(root / f"photos/a/{number}.jpg", quality=95)
        Image.fromarray(matte).save(root / f"mattes/a/{number}.png")
    return root


def settings_of(folders, run, **changed):
    given = {
        "photos": folders / "photos",
        "mattes": folders / "mattes",
        "steps": 4,
        "batch": 2,
        "sides": ((0.5, 32), (1.0, 64)),
        "log_every": 1,
        "bf16": False,
    }
    return MatteSettings(run=run, shape=SHAPE, **(given | changed))


def test_a_run_is_exported_measured_and_served(folders, tmp_path):
    settings = settings_of(folders, tmp_path / "run")
    seen = []
    checkpoint = train_matte(settings, seen.append)
    assert [figures["step"] for figures in seen] == [1, 2, 3, 4]
    now = datetime(2026, 11, 27, tzinfo=UTC)
    export_matte(checkpoint, settings, tmp_path / "model", version="test", now=now)
    tests = {"made-up": (folders / "photos", folders / "mattes")}
    manifest = add_figures(tmp_path / "model", tests, lambda line: None)
    assert manifest.training.steps == 4
    assert 0 <= manifest.figures["made-up_iou"] <= 1
    assert "made-up, 6 photos" in (tmp_path / "model" / "MODEL_CARD.md").read_text()
    alpha = MatteNet(tmp_path / "model").alpha(made_up(0)[0])
    assert alpha.shape == (352, 256)


def test_a_run_goes_on_from_its_checkpoint(folders, tmp_path):
    run = tmp_path / "run"
    train_matte(settings_of(folders, run, steps=2), lambda figures: None)
    seen = []
    checkpoint = train_matte(settings_of(folders, run, steps=3), seen.append)
    assert [figures["step"] for figures in seen] == [3]
    assert load_state(checkpoint)["step"] == 3
    lines = (run / "losses.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


def test_a_batch_depends_only_on_its_random_generator():
    cutouts = [Cutout(photo, matte, photo) for photo, matte in map(made_up, range(3))]
    data = MatteData(cutouts, cutouts, [made_up(0)[0]])
    batches = [draw_batch(data, 12, 64, np.random.default_rng(3)) for _ in range(2)]
    for first, second in zip(*batches, strict=True):
        assert torch.equal(first, second)
    photos, alpha = batches[0]
    assert photos.shape[0] == alpha.shape[0] == 12
    assert photos.shape[2:] == alpha.shape[2:]
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1
    assert photos.isfinite().all()


def test_what_is_ground_only_is_cut_from_a_photo_without_its_product():
    photo = np.zeros((128, 200, 3), np.uint8)
    matte = np.zeros((128, 200), np.uint8)
    photo[:, 120:], matte[:, 120:] = 255, 255
    piece = empty_piece(Cutout(photo, matte, None))
    assert piece.shape == (128, 120, 3)
    assert not piece.any()
    assert empty_piece(Cutout(photo, np.full_like(matte, 255), None)) is None


def test_the_encoder_starts_as_the_feature_network():
    network = MatteNetwork(MatteShape())
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    start_from_features(network, FEATURES, pictures)
    first = network.stages[0][0]
    inputs = pictures * 4 - 2
    network.eval()
    with torch.no_grad():
        mean = first[0](inputs).mean(dim=(0, 2, 3))
        normalized = first[1](first[0](inputs)).mean(dim=(0, 2, 3))
    shift = normalized - mean  # normalization adds the folded bias and changes nothing else
    assert torch.allclose(shift, first[1].bias - first[1].running_mean, atol=1e-3)


def test_features_of_another_shape_and_mattes_without_photos_are_refused(folders, tmp_path):
    with pytest.raises(SettingsError, match="shape"):
        start_from_features(MatteNetwork(SHAPE), FEATURES, torch.rand(1, 3, 32, 32))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=r"no \.png"):
        train_matte(settings_of(folders, tmp_path, mattes=tmp_path / "empty"), lambda it: None)
    with pytest.raises(SettingsError, match="there is no"):
        train_matte(settings_of(folders, tmp_path, photos=tmp_path), lambda it: None)
