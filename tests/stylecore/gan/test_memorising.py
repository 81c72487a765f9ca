"""Whether the discriminator knows its references by heart is told by some that it never saw."""

import numpy as np
import pytest
import torch
from synthetic_pairs import STYLES, tiny_settings

from stylecore.gan.train import FEWEST, hold_out, memorising_gap, with_styles

PLAIN = [np.full((64, 64, 3), value, np.uint8) for value in (40, 90, 140, 190, 240)]


class KnowsByHeart(torch.nn.Module):
    """Takes dark pictures, those that it was shown, for real."""

    def forward(self, pictures, weights):
        return 1.0 - pictures.mean(dim=(1, 2, 3))


class LearntTheStyle(torch.nn.Module):
    """Takes all pictures for equally real."""

    def forward(self, pictures, weights):
        return torch.zeros(len(pictures))


def test_one_reference_of_a_style_with_enough_is_kept_back():
    taught, unseen = hold_out({0: PLAIN, 1: PLAIN[: FEWEST - 1]})
    assert (len(taught[0]), len(unseen[0])) == (len(PLAIN) - 1, 1)
    assert len(taught[1]) == FEWEST - 1
    assert 1 not in unseen


def test_the_gap_is_wide_for_who_knows_by_heart_and_none_for_who_learnt_the_style(tmp_path):
    settings = with_styles(tiny_settings(tmp_path, steps=1), len(STYLES))
    taught, unseen = hold_out({0: PLAIN})
    random = np.random.default_rng(1)
    assert memorising_gap(KnowsByHeart(), taught, unseen, settings, random) > 0.5
    assert memorising_gap(LearntTheStyle(), taught, unseen, settings, random) == 0


def test_without_references_kept_back_there_is_no_gap_to_tell(tmp_path):
    settings = tiny_settings(tmp_path, steps=1)
    with pytest.raises(ValueError, match="held out"):
        memorising_gap(LearntTheStyle(), {}, {}, settings, np.random.default_rng(1))
