"""The door: a token for a cookie."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from workers.web.guard import COOKIE, cookie_of
from workers.web.rendering import page
from workers.web.site import site_of


async def door(request: Request) -> Response:
    """Asks for the token."""
    return page(request, "enter.html", {"is_wrong": False})


async def enter(request: Request) -> Response:
    """Gives the browser what it needs to come in, or asks again."""
    token = site_of(request).settings.web.token
    wanted = token.get_secret_value() if token else ""
    async with request.form() as form:
        shown = str(form.get("token", ""))
    if not hmac.compare_digest(shown.encode(), wanted.encode()):
        return page(request, "enter.html", {"is_wrong": True}, status=401)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, cookie_of(wanted), httponly=True, samesite="strict", secure=secure, path="/"
    )
    return answer


ROUTES = [Route("/enter", door), Route("/enter", enter, methods=["POST"])]
