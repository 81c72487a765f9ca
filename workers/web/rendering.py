"""Templates to answers: Jinja with everything escaped, in the reader's language."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from workers.web import addresses
from workers.web.words import LANGUAGES, Words, language_for, words_of

COOKIE = "stylecast_language"
YEAR_SECONDS = 365 * 24 * 3600

_templates = Environment(
    loader=PackageLoader("workers.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["to"] = addresses
_templates.filters["utc"] = lambda at: at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def words_for(request: Request) -> Words:
    """The words in the language that was chosen on the pages, or that the browser asks for."""
    chosen = request.query_params.get("lang") or request.cookies.get(COOKIE)
    return words_of(language_for(chosen, request.headers.get("accept-language", "")))


def page(
    request: Request, template: str, context: dict[str, Any], *, status: int = 200
) -> HTMLResponse:
    """The template with the context; `t` are the words. A chosen language is kept by a cookie."""
    words = words_for(request)
    text = _templates.get_template(template).render(
        t=words,
        languages=LANGUAGES,
        switches={code: _in(request, code) for code in LANGUAGES},
        path=request.url.path,
        **context,
    )
    answer = HTMLResponse(text, status, {"Vary": "Accept-Language, Cookie"})
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(COOKIE, words.language, max_age=YEAR_SECONDS, samesite="lax")
    return answer


def _in(request: Request, language: str) -> str:
    """The same page in another language: a query alone, for a path of `//name` names a host."""
    return f"?{request.url.include_query_params(lang=language).query}"
