"""What training promises: losses fall, a run goes on exactly, wrong data is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from synthetic_pairs import STYLES, tiny_settings

from stylecore.errors import SettingsError
from stylecore.gan.checkpoint import load_onnx_generator, new_state
from stylecore.gan.networks import GeneratorShape
from stylecore.gan.train import adversarial_share, start_from, train
from stylecore.models import GENERATOR
from stylecore.rendering.manifest import load_manifest

pytestmark = pytest.mark.training


def quiet(figures: dict[str, float]) -> None:
    assert np.isfinite(list(figures.values())).all()


def logged(run: Path, name: str) -> list[float]:
    lines = [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def test_losses_fall_and_the_run_folder_tells_the_run(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, steps=60)
    train(settings, STYLES, quiet)
    for name in ("pair", "perceptual", "paired_gram"):
        figures = logged(settings.run, name)
        assert np.mean(figures[-10:]) < 0.85 * np.mean(figures[:10]), name
    assert len(logged(settings.run, "discriminator")) == 60 - settings.adversarial_from
    told = json.loads((settings.run / "settings.json").read_bytes())
    assert told["seed"] == settings.seed
    with Image.open(settings.run / "grid-000012.png") as grid:
        assert grid.width > 4 * 64


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    short = {"steps": 12, "checkpoint_every": 3, "adversarial_from": 5}
    whole = tiny_settings(tmp_path, "whole", **short)
    cut = tiny_settings(tmp_path, "cut", **short)
    through = torch.load(train(whole, STYLES, quiet), weights_only=True)

    class Stopped(Exception):
        pass

    def stop(figures: dict[str, float]) -> None:
        if figures["step"] == 8:
            raise Stopped

    with pytest.raises(Stopped):
        train(cut, STYLES, stop)
    resumed = torch.load(train(cut, STYLES, quiet), weights_only=True)
    assert logged(cut.run, "step") == list(range(1, cut.steps + 1))
    for part in ("generator", "discriminator", "average"):
        for name, tensor in through[part].items():
            assert torch.equal(tensor, resumed[part][name]), (part, name)


def test_a_run_can_begin_with_the_shipped_generator(tmp_path: Path) -> None:
    manifest = load_manifest(GENERATOR)
    names = [style.style_id for style in manifest.styles]
    settings = tiny_settings(tmp_path)
    state = new_state(msgspec.structs.replace(settings, shape=GeneratorShape(styles=len(names))))
    start_from(state, GENERATOR, names)
    shipped = load_onnx_generator(GENERATOR / manifest.file).state_dict()
    for network in (state.generator, state.average):
        for name, tensor in network.state_dict().items():
            assert torch.equal(shipped[name], tensor), name
    with pytest.raises(SettingsError, match="not the styles of this run"):
        start_from(state, GENERATOR, names[::-1])
    tiny = msgspec.structs.replace(settings.shape, styles=len(names))
    with pytest.raises(SettingsError, match="another shape"):
        start_from(new_state(msgspec.structs.replace(settings, shape=tiny)), GENERATOR, names)


def test_diversity_and_hinge_are_settings(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, steps=3, adversarial="hinge", adversarial_from=0)
    losses = msgspec.structs.replace(settings.losses, diversity=0.1, total_variation=0.1)
    train(msgspec.structs.replace(settings, losses=losses), STYLES, quiet)
    assert logged(settings.run, "diversity")
    assert logged(settings.run, "total_variation")


def test_the_discriminators_pull_grows(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    pulls = [adversarial_share(step, settings) for step in (0, 7, 8, 11, 100)]
    assert pulls == [0, 0, 0.25, 1, 1]
    seldom = msgspec.structs.replace(settings, adversarial_every=2)
    assert [adversarial_share(step, seldom) for step in (99, 100)] == [0, 1]


def test_missing_pairs_or_weights_or_styles_are_told(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    (tmp_path / "empty").mkdir()
    nowhere = {
        "pairs": tmp_path / "empty",
        "perceptual": tmp_path / "no.npz",
        "styles": tmp_path / "no",
    }
    for name, path in nowhere.items():
        with pytest.raises(SettingsError, match=f"^{name}: "):
            train(msgspec.structs.replace(settings, **{name: path}), STYLES, quiet)
    with pytest.raises(SettingsError, match="no painting in pop-art"):
        train(settings, [*STYLES, "pop-art"], quiet)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, steps=1)
    train(settings, STYLES, quiet)
    other = msgspec.structs.replace(settings, shape=GeneratorShape(styles=0, full=8))
    with pytest.raises(SettingsError, match="another generator shape"):
        train(other, STYLES, quiet)
