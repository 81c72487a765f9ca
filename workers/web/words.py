"""The words of the pages, in each language that there is."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

LANGUAGES = {"en": "English", "zh": "中文"}
DEFAULT = "en"


class Words:
    """The words of one language; call it with a key and what the sentence is to hold."""

    def __init__(self, language: str, entries: dict[str, str]) -> None:
        self.language = language
        self._entries = entries

    def __call__(self, key: str, **values: object) -> str:
        """The sentence. Raises KeyError for a key that the language lacks."""
        return self._entries[key].format(**values)

    def __contains__(self, key: str) -> bool:
        """Whether the language has the key."""
        return key in self._entries

    def style(self, style_id: str) -> str | None:
        """What the language calls a generator's style; None where it has no word."""
        return self._entries.get(f"style.{style_id}")


@cache
def words_of(language: str) -> Words:
    """The words of one of LANGUAGES."""
    text = (files("workers.web") / "words" / f"{language}.json").read_text(encoding="utf-8")
    return Words(language, json.loads(text))


def language_for(chosen: str | None, accept: str) -> str:
    """The language that was chosen, else the first of an Accept-Language header that there is."""
    if chosen in LANGUAGES:
        return str(chosen)
    wanted = sorted(map(_weighed, accept.split(",")), key=lambda pair: -pair[0])
    found = (tag.partition("-")[0].lower() for weight, tag in wanted if weight > 0)
    return next((language for language in found if language in LANGUAGES), DEFAULT)


def _weighed(part: str) -> tuple[float, str]:
    """`zh-CN;q=0.8` as (0.8, 'zh-CN'); a weight that is no number counts as none."""
    tag, _, weight = part.strip().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), tag
    except ValueError:
        return 0.0, tag
