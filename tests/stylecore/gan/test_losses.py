"""What each loss promises: its value where it is known by hand, and what it ignores."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from stylecore.gan import losses

pytestmark = pytest.mark.training


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def features(seed: int) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(2, 5, 12, 12, generator=random), torch.rand(2, 7, 6, 6, generator=random)]


def test_an_undecided_discriminator_costs_two_times_log_two() -> None:
    undecided = torch.zeros(4)
    loss = losses.discriminator_loss(undecided, undecided, "non-saturating")
    assert loss.item() == pytest.approx(2 * math.log(2))
    assert losses.adversarial_loss(undecided, "non-saturating").item() == pytest.approx(math.log(2))


def test_hinge_costs_nothing_beyond_the_margin() -> None:
    assert losses.discriminator_loss(torch.full((3,), 2.0), torch.full((3,), -2.0), "hinge") == 0
    assert losses.discriminator_loss(torch.zeros(3), torch.zeros(3), "hinge") == 2
    assert losses.adversarial_loss(torch.full((3,), 2.0), "hinge") == -2


def test_the_generator_is_pulled_even_where_the_discriminator_is_sure() -> None:
    sure = torch.full((1,), -20.0, requires_grad=True)
    losses.adversarial_loss(sure, "non-saturating").backward()
    assert sure.grad is not None
    assert sure.grad.item() == pytest.approx(-1, abs=1e-3)


def test_a_copy_of_the_target_costs_nothing(pictures: Tensor) -> None:
    assert losses.pair_loss(pictures, pictures, pictures, ground=2) == 0
    assert losses.edge_loss(pictures, pictures) == 0
    assert losses.perceptual_loss(features(0), features(0)) == 0
    assert losses.paired_gram_loss(features(0), features(0)) == 0


def test_white_ground_counts_more() -> None:
    render, target = torch.full((1, 3, 8, 8), 0.5), torch.ones(1, 3, 8, 8)
    white, dark = torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    assert losses.pair_loss(render, target, dark, ground=2).item() == pytest.approx(0.5)
    assert losses.pair_loss(render, target, white, ground=2).item() == pytest.approx(1.5)


def test_gram_forgets_where_things_are() -> None:
    (first, _) = features(1)
    torch.testing.assert_close(losses.gram(first), losses.gram(first.flip(2, 3)))


def test_correlation_gram_forgets_contrast_and_brightness_and_has_norm_one() -> None:
    (first, _) = features(2)
    moved = losses.correlation_gram(first * 3 + 1)
    torch.testing.assert_close(moved, losses.correlation_gram(first), atol=1e-3, rtol=1e-2)
    torch.testing.assert_close(moved.flatten(1).norm(dim=1), torch.ones(2))


def test_styles_without_references_are_not_pulled() -> None:
    means = [torch.zeros(2, 5, 5), torch.zeros(2, 7, 7)]
    assert losses.reference_gram_loss(features(3), means, torch.zeros(2)) == 0
    one = losses.reference_gram_loss(features(3), means, torch.tensor([1.0, 0.0]))
    assert one.item() == pytest.approx(1, abs=1e-3)


def test_total_variation_is_the_mean_step() -> None:
    ramp = (torch.arange(10.0) / 10).expand(1, 3, 10, 10)
    assert losses.total_variation(ramp).item() == pytest.approx(0.1)


def test_more_different_pictures_for_other_noise_cost_less(pictures: Tensor) -> None:
    noise = torch.zeros_like(pictures)
    near = losses.diversity_loss(pictures, pictures + 0.1, noise, noise + 1)
    far = losses.diversity_loss(pictures, pictures + 0.4, noise, noise + 1)
    assert far < near < 0
