"""Lines end where a reader of English or Chinese expects it, and are even."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stylecore.poster.canvas import pens
from stylecore.poster.text import NEVER_FIRST, NEVER_LAST, broken, pieces

SIZE = 40
SIGNS = st.sampled_from("新品上市夏日的灯茶Aab9 -，。！？：；、）》」…—（《「“”$¥,.!?:%/\"'")


def _parted(text: str) -> list[str]:
    return [piece.strip() for piece in pieces(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Tea time", ["Tea", "time"]),
        ("well-made", ["well-", "made"]),
        ("2-3 days", ["2-3", "days"]),
        ("新品上市", ["新", "品", "上", "市"]),
        ("好，来吧！", ["好，", "来", "吧！"]),
        ("《茶经》说", ["《茶", "经》", "说"]),
        ("真的？！好", ["真", "的？！", "好"]),
        ("只要¥129起", ["只", "要", "¥129", "起"]),
        ("买iPhone送壳", ["买", "iPhone", "送", "壳"]),
        ("Bonjour ! Ah", ["Bonjour !", "Ah"]),
        ("5\u00a0km", ["5\u00a0km"]),
        ("他说“好”了", ["他", "说", "“好”", "了"]),
    ],
)
def test_a_line_may_end_only_where_the_language_allows(text: str, parts: list[str]) -> None:
    assert _parted(text) == parts


@settings(max_examples=150, deadline=None)
@given(text=st.text(SIGNS, min_size=1, max_size=40), width=st.integers(120, 700))
def test_no_line_starts_with_closing_or_ends_with_opening_punctuation(
    text: str, width: int
) -> None:
    text = " ".join(text.split())
    assume(text)
    lines = broken(text, SIZE, width)
    assume(lines is not None)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(pens(line, SIZE)[-1] <= width + 1e-6 for line in lines)
    assert not [line for line in lines[1:] if line[0] in NEVER_FIRST]
    assert not [line for line in lines[:-1] if line[-1] in NEVER_LAST]


def test_lines_are_even_and_no_character_stands_alone_at_the_end() -> None:
    text = "让每个夜晚都慢下来吧"
    width = int(pens(text[:-1], SIZE)[-1]) + 1
    assert broken(text, SIZE, width) == [text[:5], text[5:]]


def test_of_two_even_breaks_the_one_after_a_clause_is_taken() -> None:
    text = "暖光刚好，夜晚慢下来"
    assert broken(text, SIZE, int(pens(text, SIZE)[-1]) - 1) == ["暖光刚好，", "夜晚慢下来"]


def test_a_word_is_never_cut() -> None:
    assert broken("Donaudampfschifffahrt", SIZE, 100) is None
