"""All pages in one ASGI application: routes, middleware, and how errors are answered.

Until the tables have been read, and while Kafka or the store is away, the answer is 503: a product
that is not read yet would be taken for unknown, and feedback about it refused for good.
"""

from __future__ import annotations

import time
from importlib.resources import files

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylecore.errors import Permanent, Transient
from workers.telemetry import WEB_SECONDS, Health, log
from workers.web import (
    api,
    console,
    images,
    login,
    new_products,
    posters,
    scenarios,
    shop,
    shop_events,
    style_pages,
)
from workers.web.security import OPEN_FOLDER, OPEN_PATHS, Guard
from workers.web.site import Site, site_of
from workers.web.templates import NotFound, WrongInput, page, words_for

ANSWERED = (*OPEN_PATHS, "/metrics", "/openapi.json")
"""Paths that need no table."""


class Readiness:
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


def make_app(site: Site) -> Starlette:
    """The application for a site."""
    app = Starlette(
        routes=[
            *shop.ROUTES,
            *shop_events.ROUTES,
            *images.ROUTES,
            *login.ROUTES,
            *api.ROUTES,
            *console.ROUTES,
            *style_pages.ROUTES,
            *new_products.ROUTES,
            *posters.ROUTES,
            *scenarios.ROUTES,
            Route("/live", live),
            Route("/ready", ready),
            Route("/metrics", metrics),
            Mount("/static", StaticFiles(directory=str(files("workers.web") / "static"))),
        ],
        middleware=[
            Middleware(Measured),
            Middleware(
                Guard, settings=site.settings.web, largest_upload=site.settings.photos.max_bytes
            ),
            Middleware(Readiness, health=site.health),
        ],
        exception_handlers={
            404: not_found,
            NotFound: not_found,
            WrongInput: wrong_input,
            Permanent: permanent,
            Transient: away,
        },
    )
    app.state.site = site
    return app


async def live(_request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("yes")


async def ready(request: Request) -> Response:
    """The topics have been read once."""
    is_ready = site_of(request).health.ready
    return PlainTextResponse("yes" if is_ready else "no", 200 if is_ready else 503)


async def metrics(_request: Request) -> Response:
    """What every worker tells Prometheus; behind the token, unlike the worker's own port."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def not_found(request: Request, problem: Exception) -> Response:
    """404, for people."""
    why = problem.told(words_for(request)) if isinstance(problem, NotFound) else ""
    return page(request, "problem.html", {"kind": "not_found", "why": why}, status=404)


async def wrong_input(request: Request, problem: Exception) -> Response:
    """422, with what is wrong."""
    why = problem.told(words_for(request)) if isinstance(problem, WrongInput) else ""
    return page(request, "problem.html", {"kind": "wrong", "why": why}, status=422)


async def permanent(request: Request, problem: Exception) -> Response:
    """A picture that cannot be read, say: told in the log, not to the reader."""
    log.warning("request_failed", path=request.url.path, why=str(problem))
    return page(request, "problem.html", {"kind": "broken", "why": ""}, status=500)


async def away(request: Request, problem: Exception) -> Response:
    """503: Kafka or the store does not answer now; the same again may work."""
    log.warning("request_failed", path=request.url.path, why=str(problem))
    return come_again(request)
