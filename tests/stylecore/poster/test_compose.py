"""What every poster promises, whatever it says: its text fits, can be read, is not in the way."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from poster_scenes import logo_file, plain_subject, product_on, scene

from stylecore.poster.canvas import MINIMUM, Box, Unsettable, worst_contrast
from stylecore.poster.compose import Brand, Poster, Words, compose_poster, encode_poster, subject_of
from stylecore.poster.logo import CLEAR, decode_logo

SIZES = [(540, 540), (540, 960), (600, 314)]
"""Half of the usual ones; all lengths go with the shorter side."""
SUBJECTS = {
    "on white": plain_subject(),
    "on paper": plain_subject("#f4ead2"),
    "a scene": subject_of(scene(), scene()),
}
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
HEADLINES = st.one_of(
    st.text(st.sampled_from("新品上市夏日，。！（）灯茶慢"), min_size=1, max_size=60),
    st.lists(st.sampled_from(["Tea", "slower-made", "AVATAR", "now!", "50%"]), min_size=1).map(
        " ".join
    ),
    st.text(max_size=30),
)


def _checked(poster: Poster, words: Words) -> None:
    texts = [text for text in (poster.headline, poster.price) if text is not None]
    things = [text.box for text in texts] + ([poster.logo] if poster.logo else [])
    for thing in things:
        assert poster.layout.safe.contains(thing)
        assert not thing.meets(poster.product)
    assert not any(a.meets(b) for n, a in enumerate(things) for b in things[:n])
    for text in texts:
        assert text.contrast >= MINIMUM
    said = "".join("".join(poster.headline.setting.lines).split())
    assert len(said) > 0
    assert poster.layout.picture.contains(poster.product)
    assert (poster.price is None) == (words.price is None)


@settings(max_examples=30, deadline=None)
@given(
    headline=HEADLINES,
    price=st.sampled_from([None, "¥129", "€ 1 299,00"]),
    size=st.sampled_from(SIZES),
    subject=st.sampled_from(list(SUBJECTS.values())),
    palette=st.lists(COLOURS, max_size=3).map(tuple),
    has_logo=st.booleans(),
)
@example("长" * 120, "¥129", (600, 314), SUBJECTS["on white"], (), True)
@example("Fireworks 🎆", None, (540, 540), SUBJECTS["a scene"], (), False)
def test_text_and_logo_lie_within_the_margins_off_the_product_and_can_be_read(
    headline, price, size, subject, palette, has_logo
):
    words = Words(headline, price)
    brand = Brand(palette, decode_logo(logo_file()) if has_logo else None)
    try:
        poster = compose_poster(subject, words, brand, size)
    except Unsettable as problem:
        refusal = str(problem)
    else:
        assert poster.pixels.shape == (size[1], size[0], 3)
        _checked(poster, words)
        return
    assert refusal.startswith("the headline")


@pytest.mark.parametrize("size", SIZES)
def test_the_ink_is_really_on_the_canvas_where_it_is_said_to_be_and_nowhere_else(size):
    subject = plain_subject("#f4ead2")
    blank = compose_poster(subject, Words("."), Brand(), size).pixels
    poster = compose_poster(subject, Words("Tea time, 慢下来"), Brand(), size)
    changed = np.argwhere((poster.pixels != blank).any(axis=2))
    box = poster.headline.box
    dot = compose_poster(subject, Words("."), Brand(), size).headline.box
    outside = [
        (y, x)
        for y, x in changed.tolist()
        if not any(b.left <= x < b.right and b.top <= y < b.bottom for b in (box, dot))
    ]
    assert not outside
    inked = poster.pixels[box.top : box.bottom, box.left : box.right]
    assert (inked == poster.headline.ink).all(axis=2).mean() > 0.1
    under = blank[box.top : box.bottom, box.left : box.right]
    assert worst_contrast(poster.headline.ink, under[: dot.top - box.top]) >= MINIMUM


def test_the_same_request_gives_the_same_bytes():
    words, brand = Words("慢下来", "¥129"), Brand(logo=decode_logo(logo_file()))
    first, second = (
        encode_poster(compose_poster(plain_subject(), words, brand, (540, 540))) for _ in range(2)
    )
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (540, 540)


def test_brand_colours_are_exact_and_all_inks_are_the_brands_where_they_can_be_read():
    palette = ((10, 61, 98), (248, 239, 186))
    poster = compose_poster(plain_subject(), Words("Tea", "$39"), Brand(palette), (540, 540))
    assert poster.panel == palette[0]
    assert poster.headline.ink == palette[1]
    below = poster.pixels[poster.layout.picture.bottom :].reshape(-1, 3)
    for colour in palette:
        assert (below == colour).all(axis=1).sum() > 1000


def test_brand_colours_that_cannot_be_read_on_each_other_are_not_used_for_text():
    poster = compose_poster(
        plain_subject(), Words("Tea"), Brand(((200, 60, 60), (60, 160, 60))), (540, 540)
    )
    assert poster.headline.ink in {(255, 255, 255), (17, 17, 17), (0, 0, 0)}


def test_a_logo_at_its_own_scale_keeps_every_pixel_and_has_room_around_it():
    logo = decode_logo(logo_file(60, 20))
    poster = compose_poster(
        plain_subject(), Words("Tea", "$39"), Brand(((255, 255, 255),), logo), (540, 540)
    )
    box = poster.logo
    assert (box.width, box.height) == (60, 20)
    on_canvas = poster.pixels[box.top : box.bottom, box.left : box.right]
    file = np.asarray(logo.image)
    opaque = file[..., 3] == 255
    assert (on_canvas[opaque] == file[opaque][:, :3]).all()
    assert (on_canvas[file[..., 3] == 0] == 255).all()
    clear = round(CLEAR * box.height)
    around = box.inset(-clear)
    assert not around.meets(poster.price.box)
    assert not around.meets(poster.headline.box)
    assert Box(0, 0, 540, 540).contains(around)


def test_a_larger_logo_is_scaled_by_lanczos_and_never_enlarged():
    logo = decode_logo(logo_file(900, 300))
    poster = compose_poster(
        plain_subject(), Words("Tea"), Brand(((255, 255, 255),), logo), (540, 540)
    )
    box = poster.logo
    scaled = np.asarray(logo.image.resize((box.width, box.height), Image.Resampling.LANCZOS))
    on_canvas = poster.pixels[box.top : box.bottom, box.left : box.right]
    opaque = scaled[..., 3] == 255
    assert opaque.mean() > 0.2
    assert (on_canvas[opaque] == scaled[opaque][:, :3]).all()
    assert box.width / box.height == pytest.approx(3, rel=0.05)


def test_a_logo_that_would_drown_in_the_panel_gets_a_plate():
    logo = decode_logo(logo_file(ink="#1b998b"))
    poster = compose_poster(
        plain_subject(), Words("Tea"), Brand(((27, 153, 139),), logo), (540, 540)
    )
    box = poster.logo
    assert tuple(poster.pixels[box.top + 1, box.right - 1]) != (27, 153, 139)


@pytest.mark.parametrize(
    ("words", "size", "reason"),
    [
        (Words("Fireworks 🎆"), (540, 540), r"headline has characters.*U\+1F386"),
        (Words("مرحبا"), (540, 540), "headline has characters"),
        (Words(" \n "), (540, 540), "headline is empty"),
        (Words("W" * 200), (540, 540), "headline of 200 characters does not fit"),
        (Words("Tea", "9" * 40), (600, 314), "price of 40 characters does not fit"),
    ],
)
def test_what_cannot_be_set_is_refused_in_words(words, size, reason):
    with pytest.raises(Unsettable, match=reason):
        compose_poster(plain_subject(), words, Brand(), size)


def test_a_product_on_plain_ground_is_found_and_a_scene_counts_whole():
    pixels = product_on()
    found = subject_of(pixels, pixels)
    assert found.ground == (255, 255, 255)
    assert Box(56, 68, 176, 226).contains(found.product)
    assert found.product.contains(Box(65, 78, 165, 216))
    assert subject_of(scene(), scene()).product == Box(0, 0, 240, 240)
