"""A render's final colours: a reference's, a palette's, or the product's own; the ground's too."""

import numpy as np
import pytest

from schemas.events import StyleDefinition
from stylecore.imaging.color import from_oklab, gaussian_of, to_oklab
from stylecore.imaging.palette import dominant_colours
from stylecore.rendering.postprocess import Colouring, colouring_of, ground_of, recoloured
from stylecore.rendering.style import Reference, laid_out, paper_of, trimmed

SIDE = 48
WHITE = np.ones((SIDE, SIDE, 3), np.float32)
WHITE_GROUND = np.array([0, 1, 1, 1], np.float32)
MASK = np.zeros((SIDE, SIDE), np.float32)
MASK[10:40, 10:40] = 1
WARM = to_oklab((np.random.default_rng(5).random((400, 3)) * (0.9, 0.6, 0.3)).astype(np.float32))


@pytest.fixture
def photo():
    """A blue product with folds on white."""
    folds = 0.5 + 0.2 * np.sin(np.arange(SIDE) / 3)[None, :, None]
    product = (folds * (0.3, 0.5, 1.0)).astype(np.float32)
    return WHITE + MASK[..., None] * (product - WHITE)


@pytest.fixture
def render(photo):
    """The photo in coarser tones, as if painted."""
    return np.round(photo * 12).astype(np.float32) / 12


def reference(paper=None):
    weights = np.ones(1, np.float32)
    return Reference(weights, gaussian_of(WARM), dominant_colours(WARM), paper, "0" * 64)


def product(picture):
    return to_oklab(picture)[MASK == 1]


def test_a_definition_of_weights_alone_changes_nothing(render, photo):
    colouring = colouring_of(StyleDefinition(weights={"neon": 1.0}), None)
    assert not colouring.changes
    assert recoloured(render, photo, MASK, WHITE_GROUND, colouring) is render


def test_the_product_takes_the_references_colours_and_white_ground_stays(render, photo):
    definition = StyleDefinition(reference_uri="picture")
    colouring = colouring_of(definition, reference())
    picture = recoloured(render, photo, MASK, WHITE_GROUND, colouring)
    before, after, wanted = product(render), product(picture), WARM.mean(axis=0)
    assert np.linalg.norm(after.mean(axis=0) - wanted) < 0.5 * np.linalg.norm(
        before.mean(axis=0) - wanted
    )
    assert picture[MASK == 0].min() > 0.99
    np.testing.assert_array_equal(laid_out(ground_of(0 * WHITE_GROUND, colouring), photo), photo)


def test_lighter_stays_lighter_under_a_reference(render, photo):
    colouring = Colouring(reference=reference())
    after = product(recoloured(render, photo, MASK, WHITE_GROUND, colouring))[:, 0]
    order = np.argsort(product(render)[:, 0], kind="stable")
    assert np.diff(after[order]).min() > -0.01


def test_a_references_paper_becomes_the_ground(render, photo):
    paper = np.array([0.9, 0.85, 0.7], np.float32)
    colouring = colouring_of(StyleDefinition(reference_uri="picture"), reference(paper))
    picture = recoloured(render, photo, MASK, WHITE_GROUND, colouring)
    np.testing.assert_allclose(picture[MASK == 0], np.broadcast_to(paper, (1404, 3)), atol=0.02)
    np.testing.assert_array_equal(laid_out(ground_of(WHITE_GROUND, colouring), photo)[0, 0], paper)


def test_a_palette_comes_after_the_reference(render, photo):
    definition = StyleDefinition(reference_uri="picture", palette=["#1b9c85"])
    colouring = colouring_of(definition, reference())
    hue = product(recoloured(render, photo, MASK, WHITE_GROUND, colouring))[:, 1:].mean(axis=0)
    teal = to_oklab(np.array([0x1B, 0x9C, 0x85], np.float32) / 255)[1:]
    assert hue @ teal > 0.98 * np.linalg.norm(hue) * np.linalg.norm(teal)


def test_the_product_keeps_its_own_colour_and_the_palette_takes_the_ground(render, photo):
    definition = StyleDefinition(
        weights={"neon": 1.0}, palette=["#6d214f", "#f8efba"], keep_product_colour=True
    )
    colouring = colouring_of(definition, None)
    kept, own = product(recoloured(render, photo, MASK, WHITE_GROUND, colouring)), product(photo)
    cosine = (kept[:, 1:] * own[:, 1:]).sum(axis=1) / np.linalg.norm(kept[:, 1:], axis=1)
    assert (cosine > 0.99 * np.linalg.norm(own[:, 1:], axis=1)).all()
    ground = to_oklab(laid_out(ground_of(WHITE_GROUND, colouring), photo)[0, 0])
    np.testing.assert_allclose(from_oklab(ground) * 255, (0xF8, 0xEF, 0xBA), atol=1)


def test_a_white_product_that_keeps_its_colour_stays_white_on_coloured_ground(photo):
    definition = StyleDefinition(
        weights={"neon": 1.0}, palette=["#1b9c85"], keep_product_colour=True
    )
    picture = recoloured(WHITE, WHITE, MASK, WHITE_GROUND, colouring_of(definition, None))
    assert product(picture)[:, 0].min() > 0.95
    assert np.abs(product(picture)[:, 1:]).max() < 0.01


def test_paper_is_an_even_border_and_margins_are_cut():
    noisy = np.random.default_rng(1).random((60, 80, 3)).astype(np.float32)
    assert paper_of(noisy) is None
    framed = np.full((120, 160, 3), (0.9, 0.8, 0.6), np.float32)
    framed[30:90, 40:120] = noisy
    np.testing.assert_allclose(paper_of(framed), (0.9, 0.8, 0.6))
    inked = np.zeros((120, 160), bool)
    inked[30:90, 40:120] = True
    np.testing.assert_array_equal(trimmed(framed, inked), noisy)
    assert trimmed(framed, np.zeros((120, 160), bool)) is framed
