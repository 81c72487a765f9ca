"""The lists as JSON for storefronts that do not read topics, with OpenAPI and a developers' page.

The page's snippets are files of their own; the tests run them against a real broker.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.codec import encode
from schemas.events import Recommendations
from schemas.types import Id
from workers.web.site import site_of
from workers.web.templates import page

LIST_PATH = "/v1/shoppers/{user}/recommendations"
MOST_ITEMS = 200
Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_ITEMS)]
PARAMETERS = {"user": Id, "limit": Limit, "If-None-Match": str}


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, in words."""

    problem: str


async def recommendations(request: Request) -> Response:
    """Return the shopper's list as its topic has it, or that for everyone; 304 for the same."""
    try:
        user_id = msgspec.convert(request.path_params["user"], Id)
        limit = msgspec.convert(
            request.query_params.get("limit", str(MOST_ITEMS)), Limit, strict=False
        )
    except msgspec.ValidationError as problem:
        return _problem(f"user or limit: {problem}", 422)
    found = site_of(request).list_for(user_id)
    if found is None:
        return _problem(f"there is no list for {user_id} yet, nor for everyone", 404)
    tag = f'"{found.recommendation_id}-{limit}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    shown = msgspec.structs.replace(found, items=found.items[:limit])
    return Response(encode(shown), media_type="application/json", headers=headers)


async def document(_request: Request) -> Response:
    """Return the OpenAPI document."""
    return JSONResponse(openapi())


def openapi() -> dict[str, Any]:
    """Read openapi.yaml, and add the schemas from the contracts themselves."""
    _, schemas = msgspec.json.schema_components(
        [Recommendations, Problem], ref_template="#/components/schemas/{name}"
    )
    text = (files("workers.web") / "openapi.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    found["components"]["schemas"] = schemas
    for parameter in found["paths"][LIST_PATH]["get"]["parameters"]:
        parameter["schema"] = msgspec.json.schema(PARAMETERS[parameter["name"]])
    return found


def _problem(text: str, status: int) -> Response:
    return Response(encode(Problem(text)), status, media_type="application/json")


CONSUMERS = {"Python": "consume.py", "Java": "Consume.java", "JavaScript": "consume.mjs"}
FEEDBACK = "feedback.py"


async def developers(request: Request) -> Response:
    """Show the developers' page."""
    view = {
        "consumers": {language: snippet(name) for language, name in CONSUMERS.items()},
        "feedback": snippet(FEEDBACK),
        "has_token": site_of(request).settings.web.token is not None,
        "list_address": str(request.base_url).rstrip("/") + LIST_PATH.replace("{user}", "ada"),
    }
    return page(request, "developers.html", view)


@cache
def snippet(name: str) -> str:
    """Read a snippet."""
    return (files("workers.web") / "snippets" / name).read_text(encoding="utf-8")


ROUTES = [
    Route(LIST_PATH, recommendations),
    Route("/openapi.json", document),
    Route("/developers", developers),
]
