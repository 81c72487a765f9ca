"""For developers of a storefront: how to read the lists and to tell what shoppers do.

The snippets are files of their own, run by the tests against a real broker as they stand here.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workers.web.api import LIST_PATH
from workers.web.rendering import page
from workers.web.site import site_of

CONSUMERS = {"Python": "consume.py", "Java": "Consume.java", "JavaScript": "consume.mjs"}
FEEDBACK = "feedback.py"


async def developers(request: Request) -> Response:
    """The page."""
    view = {
        "consumers": {language: snippet(name) for language, name in CONSUMERS.items()},
        "feedback": snippet(FEEDBACK),
        "has_token": site_of(request).settings.web.token is not None,
        "list_address": str(request.base_url).rstrip("/") + LIST_PATH.replace("{user}", "ada"),
    }
    return page(request, "developers.html", view)


@cache
def snippet(name: str) -> str:
    """The text of a snippet."""
    return (files("workers.web") / "snippets" / name).read_text(encoding="utf-8")


ROUTES = [Route("/developers", developers)]
