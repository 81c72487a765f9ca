"""The lists as JSON for storefronts that do not read topics, with OpenAPI and a developers' page.

The page's snippets are files of their own; the tests run them against a real broker.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.codec import encode
from schemas.events import Recommendations
from schemas.types import ID_PATTERN, Id
from workers.web.site import site_of
from workers.web.templates import page

LIST_PATH = "/v1/shoppers/{user}/recommendations"
MOST_ITEMS = 200
Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_ITEMS)]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, in words."""

    problem: str


async def recommendations(request: Request) -> Response:
    """The shopper's list as its topic has it, or that for everyone; 304 where it is the same."""
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
    """The OpenAPI document."""
    return JSONResponse(openapi())


def openapi() -> dict[str, Any]:
    """OpenAPI 3.1, its schemas from the contracts themselves."""
    (listed, wrong), components = msgspec.json.schema_components(
        [Recommendations, Problem], ref_template="#/components/schemas/{name}"
    )

    def answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"description": text, "content": {"application/json": {"schema": schema}}}

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stylecast recommendations",
            "version": "1.0.0",
            "description": "A view of the topic recommendations.users.v1.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": {
            LIST_PATH: {
                "get": {
                    "operationId": "recommendations",
                    "summary": "A shopper's list, best first; that for everyone (user_id *) "
                    "where nobody knows the shopper, or the list is valid no longer",
                    "parameters": [
                        {
                            "name": "user",
                            "in": "path",
                            "required": True,
                            "schema": {
                                "type": "string",
                                "minLength": 1,
                                "maxLength": 200,
                                "pattern": ID_PATTERN,
                            },
                        },
                        {
                            "name": "limit",
                            "in": "query",
                            "description": "Items at most.",
                            "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS},
                        },
                        {
                            "name": "If-None-Match",
                            "in": "header",
                            "description": "The ETag of the list that the caller has.",
                            "schema": {"type": "string"},
                        },
                    ],
                    "responses": {
                        "200": {
                            **answer("The list.", listed),
                            "headers": {"ETag": {"schema": {"type": "string"}}},
                        },
                        "304": {"description": "The caller has this list."},
                        "401": {"description": "A token is needed, as `Authorization: Bearer`."},
                        "404": answer("There is no list yet, not even for everyone.", wrong),
                        "422": answer("The user or the limit is none.", wrong),
                        "503": {"description": "The topics have not been read yet: again later."},
                    },
                }
            }
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _problem(text: str, status: int) -> Response:
    return Response(encode(Problem(text)), status, media_type="application/json")


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


ROUTES = [
    Route(LIST_PATH, recommendations),
    Route("/openapi.json", document),
    Route("/developers", developers),
]
