"""The login page: a token for a cookie, with a bounded number of guesses a minute."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from workers.web.security import COOKIE, cookie_of
from workers.web.site import site_of
from workers.web.templates import page


async def ask(request: Request) -> Response:
    """Asks for the token."""
    return _asking(request, "", 200)


async def enter(request: Request) -> Response:
    """Gives the browser what it needs to come in, or asks again."""
    site = site_of(request)
    token = site.settings.web.token
    if token is None:
        return RedirectResponse("/", 303)
    address = request.client.host if request.client else ""
    if seconds := site.attempts.seconds_to_wait(address):
        answer = _asking(request, "enter.wait", 429)
        answer.headers["Retry-After"] = str(seconds)
        return answer
    async with request.form() as form:
        shown = str(form.get("token", ""))
    if not hmac.compare_digest(shown.encode(), token.get_secret_value().encode()):
        site.attempts.fail(address)
        return _asking(request, "enter.wrong", 401)
    return _opened(request, token.get_secret_value())


def _opened(request: Request, token: str) -> Response:
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, cookie_of(token), httponly=True, samesite="strict", secure=secure, path="/"
    )
    return answer


def _asking(request: Request, why: str, status: int) -> Response:
    return page(request, "enter.html", {"why": why}, status=status)


ROUTES = [Route("/enter", ask), Route("/enter", enter, methods=["POST"])]
