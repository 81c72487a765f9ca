"""503 while this cannot be answered: the topics have not been read, or Kafka or the store is away.

What is asked for before the tables have been read would be taken for unknown, and feedback about it
refused for good.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.telemetry import Health
from workers.web.guard import OPEN_FOLDER, OPEN_PATHS
from workers.web.rendering import page

ANSWERED = (*OPEN_PATHS, "/metrics", "/openapi.json")
"""Paths that need no table."""


class Unread:
    """ASGI middleware: lets through what needs no table, and all once they have been read."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the request through."""
        if scope["type"] == "http" and not self._health.ready:
            request = Request(scope)
            if not (request.url.path in ANSWERED or request.url.path.startswith(OPEN_FOLDER)):
                await come_again(request)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def come_again(request: Request) -> Response:
    """503: the same again may work."""
    answer = page(request, "problem.html", {"kind": "away", "why": ""}, status=503)
    answer.headers["Retry-After"] = "1"
    return answer
