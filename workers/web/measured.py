"""How many requests came, how soon they were answered, and how."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.telemetry import WEB_SECONDS

NO_ROUTE = "none"
"""For paths that anybody may invent, and requests that were turned away before."""


class Measured:
    """ASGI middleware: counts and times the answers by route and status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and note when its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answered = time.perf_counter(), False

        async def note(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start" and not answered:
                answered = True
                _note(scope, message["status"], started)
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            if not answered:
                _note(scope, 500, started)


def _note(scope: Scope, status: int, started: float) -> None:
    route = getattr(scope.get("route"), "path", NO_ROUTE)
    WEB_SECONDS.labels(route, str(status)).observe(time.perf_counter() - started)
