"""All pages in one ASGI application: routes, middleware, login, and how errors are answered.

Until the tables have been read, and while Kafka or the store is away, the answer is 503: a product
that is not read yet would be taken for unknown, and feedback about it refused for good.
"""

from __future__ import annotations

import hmac
import time
from importlib.resources import files

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylecore.errors import Permanent, Transient
from workers.telemetry import WEB_SECONDS, Health, log
from workers.web import api, console, posters, scenarios, shop, shop_events, style_pages
from workers.web.security import COOKIE, OPEN_FOLDER, OPEN_PATHS, Guard, cookie_of
from workers.web.site import Site, site_of
from workers.web.templates import NotFound, WrongInput, page, words_for

ANSWERED = (*OPEN_PATHS, "/metrics", "/openapi.json")
"""Paths that need no table."""


class Readiness:
    """ASGI middleware: passes requests that need no table, and all once the tables are read."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503, or pass the request on."""
        if scope["type"] == "http" and not self._health.ready:
            request = Request(scope)
            if not (request.url.path in ANSWERED or request.url.path.startswith(OPEN_FOLDER)):
                await answer_unavailable(request)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def answer_unavailable(request: Request) -> Response:
    """Return 503: the same request may work later."""
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
        """Pass a request on, and measure until its answer begins."""
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
    """Return the application for a site."""
    app = Starlette(
        routes=[
            *shop.ROUTES,
            *shop_events.ROUTES,
            *api.ROUTES,
            *console.ROUTES,
            *style_pages.ROUTES,
            *posters.ROUTES,
            *scenarios.ROUTES,
            Route("/enter", ask_for_token),
            Route("/enter", enter, methods=["POST"]),
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
            404: answer_not_found,
            NotFound: answer_not_found,
            WrongInput: answer_wrong_input,
            Permanent: answer_permanent,
            Transient: answer_transient,
        },
    )
    app.state.site = site
    return app


async def ask_for_token(request: Request, why: str = "", status: int = 200) -> Response:
    """Show the login page, with `why` as the key of a sentence."""
    return page(request, "enter.html", {"why": why}, status=status)


async def enter(request: Request) -> Response:
    """Set the cookie for the right token; 401 for a wrong one, 429 after too many guesses."""
    site = site_of(request)
    token = site.settings.web.token
    if token is None:
        return RedirectResponse("/", 303)
    address = request.client.host if request.client else ""
    if seconds := site.attempts.seconds_to_wait(address):
        answer = await ask_for_token(request, "enter.wait", 429)
        answer.headers["Retry-After"] = str(seconds)
        return answer
    async with request.form() as form:
        shown = str(form.get("token", ""))
    if not hmac.compare_digest(shown.encode(), token.get_secret_value().encode()):
        site.attempts.fail(address)
        return await ask_for_token(request, "enter.wrong", 401)
    answer = RedirectResponse("/", 303)
    cookie, secure = cookie_of(token.get_secret_value()), request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=secure, path="/")
    return answer


async def live(_request: Request) -> Response:
    """Answer that the process is live."""
    return PlainTextResponse("yes")


async def ready(request: Request) -> Response:
    """Answer whether the topics have been read once."""
    is_ready = site_of(request).health.ready
    return PlainTextResponse("yes" if is_ready else "no", 200 if is_ready else 503)


async def metrics(_request: Request) -> Response:
    """Return the worker's metrics; behind the token, unlike those on the worker's own port."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def answer_not_found(request: Request, problem: Exception) -> Response:
    """Return 404 for people."""
    why = problem.in_words(words_for(request)) if isinstance(problem, NotFound) else ""
    return page(request, "problem.html", {"kind": "not_found", "why": why}, status=404)


async def answer_wrong_input(request: Request, problem: Exception) -> Response:
    """Return 422, with what is wrong."""
    why = problem.in_words(words_for(request)) if isinstance(problem, WrongInput) else ""
    return page(request, "problem.html", {"kind": "wrong", "why": why}, status=422)


async def answer_permanent(request: Request, problem: Exception) -> Response:
    """Return 500, as for a picture that cannot be read; the reason is in the log alone."""
    log.warning("request_failed", path=request.url.path, why=str(problem))
    return page(request, "problem.html", {"kind": "broken", "why": ""}, status=500)


async def answer_transient(request: Request, problem: Exception) -> Response:
    """Return 503 while Kafka or the store is down."""
    log.warning("request_failed", path=request.url.path, why=str(problem))
    return answer_unavailable(request)
