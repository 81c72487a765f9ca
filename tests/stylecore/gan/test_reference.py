"""The reference encoder: fitted to a generator, it names the blend that paints like a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_pairs import STYLES, TINY, tiny_settings

from stylecore.gan.data import load_pairs, load_references
from stylecore.gan.networks import Generator
from stylecore.gan.reference.fit import SIDE, ReferenceSettings, Sources, draw_example, fit_encoder
from stylecore.gan.reference.network import standard_grey
from stylecore.gan.squeezenet import load_squeezenet

pytestmark = pytest.mark.training

QUICK = ReferenceSettings(
    examples=30, bank_steps=60, render_steps=2, render_batch=2, crop=48, report_every=1
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("reference")
    tiny_settings(made)
    return made


@pytest.fixture(scope="module")
def sources(folder: Path) -> Sources:
    torch.manual_seed(0)
    return Sources(
        load_references(folder / "styles", STYLES),
        load_pairs(folder / "pairs", STYLES, QUICK.crop),
        Generator(TINY).eval(),
    )


def test_examples_take_turns_and_their_weights_sum_to_one(sources: Sources) -> None:
    random = np.random.default_rng(0)
    examples = [draw_example(sources, number, random) for number in range(9)]
    assert {tuple(example.picture.shape) for example in examples} == {(3, SIDE, SIDE)}
    weights = torch.stack([example.weights for example in examples])
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(9))
    assert weights[0::3].argmax(dim=1).tolist() == [0, 1, 2]
    again = draw_example(sources, 0, np.random.default_rng(0))
    assert torch.equal(again.picture, examples[0].picture)


def test_it_learns_what_is_known_and_sees_no_colour(folder: Path, sources: Sources) -> None:
    told: list[dict[str, float]] = []
    encoder = fit_encoder(load_squeezenet(folder / "eye.npz"), sources, QUICK, told.append)
    known = [figures["known"] for figures in told if "bank_step" in figures]
    assert known[-1] < 0.5 * known[0]
    assert all(figures["stroke"] > 0 for figures in told if "render_step" in figures)
    picture = draw_example(sources, 0, np.random.default_rng(3)).picture[None]
    tinted = picture * torch.tensor([0.7, 0.4, 0.2]).view(1, 3, 1, 1)
    with torch.no_grad():
        weights = encoder(torch.cat([picture, tinted]))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert weights[0].argmax() == weights[1].argmax()
    torch.testing.assert_close(standard_grey(picture), standard_grey(tinted), atol=0.05, rtol=0)
