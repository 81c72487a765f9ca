"""All pages in one ASGI application, and how errors are answered."""

from __future__ import annotations

from importlib.resources import files

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stylecore.errors import Permanent, Transient
from workers.telemetry import log
from workers.web import (
    api,
    changes,
    console,
    developers,
    door,
    feedback,
    images,
    newcomers,
    posters,
    scenarios,
    storefront,
    workshop,
)
from workers.web.guard import Guard
from workers.web.measured import Measured
from workers.web.problems import NotFound, WrongInput
from workers.web.rendering import page, words_for
from workers.web.site import Site, site_of
from workers.web.unread import Unread, come_again


def make_app(site: Site) -> Starlette:
    """The application for a site."""
    app = Starlette(
        routes=[
            *storefront.ROUTES,
            *feedback.ROUTES,
            *changes.ROUTES,
            *images.ROUTES,
            *door.ROUTES,
            *api.ROUTES,
            *console.ROUTES,
            *workshop.ROUTES,
            *newcomers.ROUTES,
            *posters.ROUTES,
            *scenarios.ROUTES,
            *developers.ROUTES,
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
            Middleware(Unread, health=site.health),
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
    log.warning("page", path=request.url.path, why=str(problem))
    return page(request, "problem.html", {"kind": "broken", "why": ""}, status=500)


async def away(request: Request, problem: Exception) -> Response:
    """503: Kafka or the store does not answer now; the same again may work."""
    log.warning("page", path=request.url.path, why=str(problem))
    return come_again(request)
