"""Answers in the reader's language: word files, Jinja templates, and errors as sentences.

Everything is escaped. Texts that msgspec and other packages give in English are translated where
they are usual ones (`details`), else shown as they are. The errors:

Permanent
├── NotFound     404
└── WrongInput   422

Each names a sentence of the word files with its values; as an exception's text it is English.
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from stylecore.errors import Permanent
from workers.web import urls

LANGUAGES = {"en": "English", "zh": "中文"}
DEFAULT = "en"


class Words:
    """The words of one language; a call formats the sentence of a key."""

    def __init__(self, language: str, entries: dict[str, str]) -> None:
        self.language = language
        self._entries = entries

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence. Raises KeyError for a key that the language lacks."""
        return self._entries[key].format(**values)

    def __contains__(self, key: str) -> bool:
        """Return whether the language has the key."""
        return key in self._entries

    def style(self, style_id: str) -> str | None:
        """Return the language's name of a generator's style, None where it has none."""
        return self._entries.get(f"style.{style_id}")


@cache
def words_of(language: str) -> Words:
    """Read the words of one of LANGUAGES."""
    text = (files("workers.web") / "words" / f"{language}.json").read_text(encoding="utf-8")
    return Words(language, json.loads(text))


def language_for(chosen: str | None, accept: str) -> str:
    """Return the chosen language, else the first of an Accept-Language header that there is."""
    if chosen in LANGUAGES:
        return str(chosen)
    wanted = sorted(map(_weighed, accept.split(",")), key=lambda pair: -pair[0])
    found = (tag.partition("-")[0].lower() for weight, tag in wanted if weight > 0)
    return next((language for language in found if language in LANGUAGES), DEFAULT)


def _weighed(part: str) -> tuple[float, str]:
    """Split `zh-CN;q=0.8` into (0.8, 'zh-CN'); a weight that is no number counts as 0."""
    tag, _, weight = part.strip().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), tag
    except ValueError:
        return 0.0, tag


COOKIE = "stylecast_language"
YEAR_SECONDS = 365 * 24 * 3600

_templates = Environment(
    loader=PackageLoader("workers.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["to"] = urls
_templates.filters["utc"] = lambda at: at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def words_for(request: Request) -> Words:
    """Return the words in the language chosen on the pages, or requested by the browser."""
    chosen = request.query_params.get("lang") or request.cookies.get(COOKIE)
    return words_of(language_for(chosen, request.headers.get("accept-language", "")))


def page(
    request: Request, template: str, context: dict[str, Any], *, status: int = 200
) -> HTMLResponse:
    """Render a template with the context; `t` are the words. A cookie keeps a chosen language."""
    words = words_for(request)
    # A query alone, since a path of `//name` would name a host.
    switches = {code: f"?{request.url.include_query_params(lang=code).query}" for code in LANGUAGES}
    text = _templates.get_template(template).render(
        t=words,
        languages=LANGUAGES,
        switches=switches,
        path=request.url.path,
        **context,
    )
    answer = HTMLResponse(text, status, {"Vary": "Accept-Language, Cookie"})
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(COOKIE, words.language, max_age=YEAR_SECONDS, samesite="lax")
    return answer


_PLACE = re.compile(
    r"(?:not a valid \w+: )?(?P<what>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?", re.DOTALL
)
_USUAL = {
    "short": r"Expected `str` of length >= (?P<least>\d+)",
    "long": r"Expected `str` of length <= (?P<most>\d+)",
    "few": r"Expected `\w+` of length >= (?P<least>\d+)",
    "many": r"Expected `\w+` of length <= (?P<most>\d+)",
    "least": r"Expected `\w+` >=? (?P<least>\S+)",
    "most": r"Expected `\w+` <=? (?P<most>\S+)",
    "id": r"Expected an id of .*",
    "colour": r"Expected a colour as .*",
    "missing": r"Object missing required field `(?P<name>\w+)`",
    "choice": r"Invalid enum value (?P<value>.*)",
    "kind": r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`",
    "campaign": r"campaign: ends_at must be after starts_at",
    "campaign_far": r"campaign: (?P<name>\w+) .* is more than ten years from now; .*",
    "source": r"exactly one of weights or reference_uri is needed",
    "reserved": r"style_id 'original' is reserved .*",
    "no_colour": r"palette: (?P<value>.*) is no colour; .*",
    "many_colours": r"palette: (?P<count>\d+) colours are too many; .*",
    "no_photo": r"\d+ bytes (?:are no readable photo|crashed the decoder|took over) ?.*",
    "large_photo": r"(?P<size>\d+ x \d+) pixels are over the limit of (?P<most>\d+)",
    "no_logo": r"the logo is no readable .*",
    "clear_logo": r"the logo is transparent all over",
    "large_logo": r"a logo of (?P<size>\d+ x \d+) pixels: .* (?P<most>\d+) in all",
    "no_product": r"there is no product (?P<product>.+?): .*",
    "no_render": r"there is no render of (?P<product>.+?) in (?P<style>.+?): .*",
    "too_long": r"the (?P<what>\w+) of (?P<count>\d+) characters does not fit .*",
    "no_sign": r"the (?P<what>\w+) has characters that the typeface lacks: (?P<signs>.*); .*",
    "empty": r"the (?P<what>\w+) is empty",
}
"""By the key of the word files, without `detail.`."""


def detail_in(words: Words, text: str) -> str:
    """Translate a detail, with the field that it is about."""
    if words.language == DEFAULT:
        return text
    place = _PLACE.fullmatch(text)
    what = place["what"] if place else text
    field = place["field"] if place else None
    for name, pattern in _USUAL.items():
        found = re.fullmatch(pattern, what, re.DOTALL)
        if found:
            detail = words(f"detail.{name}", **found.groupdict())
            return words("detail.at", field=field, detail=detail) if field else detail
    return text


class _InWords(Permanent):
    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(words_of(DEFAULT)(key, **values))

    def in_words(self, words: Words) -> str:
        """Return the sentence in a language."""
        values = dict(self.values)
        if "detail" in values:
            values["detail"] = detail_in(words, str(values["detail"]))
        return words(self.key, **values)


class NotFound(_InWords):
    """There is no such thing: 404."""


class WrongInput(_InWords):
    """What was sent is not as it should be; the message says what: 422."""
