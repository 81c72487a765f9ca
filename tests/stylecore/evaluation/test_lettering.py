"""Lettering: what a reader of templates reads, sharp, reversed, blurred and gone."""

import numpy as np
import pytest
from scipy import ndimage

from stylecore.evaluation.lettering import (
    ALPHABET,
    SIDE,
    read_share,
    typeset_pictures,
)


@pytest.fixture(scope="module")
def pages():
    return typeset_pictures()


def test_pages_are_full_size_on_white_in_both_inks_and_always_the_same(pages):
    assert {page.pixels.shape for page in pages} == {(SIDE, SIDE, 3)}
    assert len({page.name for page in pages}) == 4
    assert all((page.pixels[:60] == 255).all() for page in pages)
    for one, again in zip(pages, typeset_pictures(), strict=True):
        np.testing.assert_array_equal(one.pixels, again.pixels)


def test_the_page_itself_is_read_whole_also_reversed(pages):
    for page, pixels in ((page, page.pixels) for page in pages[::2]):
        assert read_share(page, pixels) == read_share(page, 255 - pixels) == 1


def test_the_more_a_page_is_blurred_the_less_is_read(pages):
    page = pages[2]
    blurred = [
        ndimage.gaussian_filter(page.pixels, (sigma, sigma, 0)).astype(np.uint8)
        for sigma in (0.5, 12)
    ]
    shares = [read_share(page, pixels) for pixels in blurred]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert shares[-1] < 0.6


def test_of_noise_only_chance_is_read(pages):
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    assert read_share(pages[0], noise) < 6 / len(ALPHABET)
