"""Checks of every request: host name, token, same-origin writes, sizes; and the answer's headers.

A page of another site can make a browser send requests here, so a write needs proof that it comes
from our own pages (Fetch Metadata, else Origin). A foreign host name that resolves to this address
(DNS rebinding) would pass as our own origin, so host names are listed.

An address that has sent too many wrong tokens has to wait. The number of addresses that are kept is
bounded: the one whose failure is the oldest is forgotten. Behind a proxy all clients may share one
address, so that one who guesses delays the others' login, though not those who are logged in. Used
by the event loop's thread alone.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable
from math import ceil
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylecore.errors import SettingsError
from workers.settings import WebSettings

COOKIE = "stylecast_token"
PROBES = ("/live", "/ready")
"""Asked for by whatever name an orchestrator has for this instance."""
OPEN_PATHS = (*PROBES, "/enter")
OPEN_FOLDER = "/static/"
"""Asked for without a token: probes, the door, and files that everyone has anyway."""
LARGEST_FORM = 1_000_000
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def require_safe(settings: WebSettings) -> None:
    """Raises SettingsError where the pages would be open to a network without a token."""
    if settings.token is None and not is_loopback(settings.host):
        raise SettingsError(
            f"setting STYLECAST_WEB__HOST: {settings.host} is not the loopback; "
            "set STYLECAST_WEB__TOKEN too, or leave the host out"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def cookie_of(token: str) -> str:
    """Return what a browser keeps instead of the token."""
    return hmac.new(token.encode(), b"stylecast web", hashlib.sha256).hexdigest()


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: WebSettings, largest_upload: int) -> None:
        self._app = app
        self._token = None if settings.token is None else settings.token.get_secret_value()
        self._hosts = {*LOOPBACK_HOSTS, *settings.allowed_hosts, settings.host}
        self._largest_upload = largest_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or let the request through; headers join either."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(Request(scope)) or self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        host = host if host.endswith("]") else host.rpartition(":")[0] or host
        path = request.url.path
        if host not in self._hosts and path not in PROBES:
            return _refuse(f"{host!r} is no name of ours: STYLECAST_WEB__ALLOWED_HOSTS", 421)
        if request.method not in {"GET", "HEAD"}:
            refusal = self._refused_write(request)
            if refusal is not None:
                return refusal
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        if self._token is not None and not is_open and not self._may_enter(request, self._token):
            if "text/html" in request.headers.get("accept", ""):
                return RedirectResponse("/enter", 303)
            return _refuse("a token is needed", 401, {"WWW-Authenticate": "Bearer"})
        return None

    def _refused_write(self, request: Request) -> Response | None:
        if not is_same_origin(request.headers):
            return _refuse("writes are taken from our own pages alone", 403)
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return _refuse("a write needs a Content-Length", 411)
        is_upload = request.headers.get("content-type", "").startswith("multipart/form-data")
        if int(length) > (self._largest_upload + LARGEST_FORM if is_upload else LARGEST_FORM):
            return _refuse(f"{length} bytes are too many", 413)
        return None

    def _may_enter(self, request: Request, token: str) -> bool:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        kept = request.cookies.get(COOKIE, "")
        return hmac.compare_digest(shown.encode(), token.encode()) or hmac.compare_digest(
            kept.encode(), cookie_of(token).encode()
        )


def is_same_origin(headers: Headers) -> bool:
    """Whether a browser says that one of our own pages sends this."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host", " ")


def _refuse(why: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(why + "\n", status, headers)


MOST = 10
SECONDS = 60.0
ADDRESSES_KEPT = 10_000
NETWORK_BITS = 64
"""Of an IPv6 address: its owner has all of its network."""


class Attempts:
    """The times of an address's wrong guesses, as far as they still count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> int:
        """Return how long the address has to wait before a guess; 0 where it may guess now."""
        failed = self._failed.get(_who(address))
        if failed is None or len(failed) < MOST:
            return 0
        return max(0, ceil(failed[0] + SECONDS - self._clock()))

    def fail(self, address: str) -> None:
        """Note a wrong guess of the address."""
        who = _who(address)
        failed = self._failed.pop(who, None) or deque(maxlen=MOST)
        failed.append(self._clock())
        self._failed[who] = failed
        if len(self._failed) > ADDRESSES_KEPT:
            self._failed.popitem(last=False)


def _who(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(ipaddress.ip_network((int(found), NETWORK_BITS), strict=False))
