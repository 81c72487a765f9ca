"""What the networks promise: sizes, styles by picture, blends, noise, no dependence on a batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.gan.export import example_inputs
from stylecore.gan.networks import (
    SIZE_MULTIPLE,
    Discriminator,
    Generator,
    GeneratorShape,
    parameter_groups,
)

pytestmark = pytest.mark.training

SHAPE = GeneratorShape(
    styles=3, full=4, half=8, quarter=8, eighth=8, blocks_quarter=1, blocks_eighth=1
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(SHAPE).eval()


@settings(max_examples=8, deadline=None)
@given(batch=st.integers(1, 3), rows=st.integers(4, 9), columns=st.integers(4, 9))
def test_a_render_has_the_photos_size_and_stays_in_range(
    generator: Generator, batch: int, rows: int, columns: int
) -> None:
    size = (rows * SIZE_MULTIPLE, columns * SIZE_MULTIPLE)
    photo, weights, noise = example_inputs(3, batch, *size, seed=batch)
    with torch.no_grad():
        render = generator(photo, weights, noise)
    assert render.shape == photo.shape
    assert render.min() >= 0
    assert render.max() <= 1


def test_a_batch_of_mixed_styles_equals_one_by_one(generator: Generator) -> None:
    photo, _, noise = example_inputs(3, 3, 48, 64, seed=1)
    weights = torch.eye(3)
    with torch.no_grad():
        together = generator(photo, weights, noise)
        alone = [
            generator(photo[i : i + 1], weights[i : i + 1], noise[i : i + 1]) for i in range(3)
        ]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_blends_move_continuously_from_style_to_style(generator: Generator) -> None:
    photo, _, noise = example_inputs(3, 1, 48, 48, seed=2)
    shares = torch.linspace(0, 1, 11)
    weights = torch.stack([1 - shares, shares, torch.zeros(11)], dim=1)
    with torch.no_grad():
        renders = generator(photo.expand(11, -1, -1, -1), weights, noise.expand(11, -1, -1, -1))
    steps = (renders[1:] - renders[:-1]).abs().mean(dim=(1, 2, 3))
    whole = (renders[-1] - renders[0]).abs().mean()
    assert whole > 0
    assert steps.max() < 0.5 * whole


def test_another_noise_field_is_another_painting(generator: Generator) -> None:
    photo, weights, noise = example_inputs(3, 1, 48, 48, seed=3)
    with torch.no_grad():
        first, second = generator(photo, weights, noise), generator(photo, weights, -noise)
    assert (first - second).abs().mean() > 1e-3


def test_white_can_be_reached_exactly_and_its_gradient_lives_while_training() -> None:
    torch.manual_seed(0)
    generator = Generator(SHAPE).train()
    with torch.no_grad():
        generator.head_bias.fill_(9.0)
    photo, weights, noise = example_inputs(3, 1, 32, 32, seed=4)
    render = generator(photo, weights, noise)
    assert (render == 1).float().mean() > 0.5
    render.sum().backward()
    assert generator.head_bias.grad is not None
    assert generator.head_bias.grad.abs().sum() > 0


def test_the_discriminator_judges_patches_by_style() -> None:
    torch.manual_seed(0)
    judge = Discriminator(3, channels=8).eval()
    pictures = torch.rand(1, 3, 64, 64).expand(3, -1, -1, -1)
    with torch.no_grad():
        logits = judge(pictures, torch.eye(3))
    assert logits.shape[:2] == (3, 1)
    assert min(logits.shape[2:]) > 1
    assert not torch.allclose(logits[0], logits[1])


def test_style_tables_learn_ten_times_as_fast(generator: Generator) -> None:
    rest, tables = parameter_groups(generator, rate=0.1)
    assert tables["lr"] == pytest.approx(1.0)
    assert rest["lr"] == pytest.approx(0.1)
    count = sum(len(list(group["params"])) for group in (rest, tables))  # type: ignore[call-overload]
    assert count == len(list(generator.parameters()))
