"""HTTP and HTTPS GET for untrusted addresses, connecting to the open internet only.

The host of every request, redirects included, is resolved once, all its addresses are checked, and
the connection goes to a checked address: so a name cannot point to a private network, nor change
its address in between (DNS rebinding). Other networks are allowed by setting. Bytes and total time
are bounded, however slowly they arrive. Proxies, cookies and credentials are not used, content is
not decompressed, and content types are ignored.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeVar
from urllib.parse import quote, urljoin, urlsplit

from stylecore.errors import Permanent, Transient

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

TRANSLATED = ip_network("64:ff9b::/96")
"""IPv6 that a gateway turns into the IPv4 address of its last 32 bits (RFC 6052)."""


class Unreachable(Permanent):
    """The address is private, loopback, link-local or otherwise not of the open internet."""


def resolved(host: str, port: int) -> list[str]:
    """Look up a host's addresses. Raises Unreachable: there is none, Transient: not known now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as problem:
        if problem.errno == socket.EAI_NONAME:
            raise Unreachable(f"there is no host {host}") from problem
        raise Transient(f"the host {host} cannot be looked up now: {problem}") from problem
    except UnicodeError as problem:
        raise Unreachable(f"{host!r} is no name of a host") from problem
    return [str(address[0]) for *_, address in found]


def require_reachable(host: str, addresses: Iterable[str], networks: Sequence[Network]) -> None:
    """Raises Unreachable where any of a host's addresses is neither global nor in `networks`."""
    for address in map(ip_address, addresses):
        if not any(address in network for network in networks) and not is_global(address):
            raise Unreachable(f"{host} is at {address}, which is no address of the open internet")


def is_global(address: Address) -> bool:
    """Return whether an address is of the open internet; embedded IPv4 is checked as well."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None and not is_global(inner):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def connected(
    host: str, port: int, *, seconds: float, networks: Sequence[Network], resolve: Resolve
) -> socket.socket:
    """Return a connection to a host; the address that is connected is one that was checked.

    The host's addresses share the seconds: each is given an equal part of what is left. Raises
    Unreachable, and OSError or Transient where trying again may help.
    """
    deadline = time.monotonic() + seconds
    addresses = resolve(host, port)
    require_reachable(host, addresses, networks)
    problem = OSError(f"{host} has no address")
    for number, address in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            part = left / (len(addresses) - number)
            return socket.create_connection((address, port), timeout=part)
        except OSError as refused:
            problem = refused
    raise problem


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


T = TypeVar("T")

REDIRECTS = 3
AGAIN = {408, 425, 429}
"""Besides 500 and above: the server may answer later."""
MOVED = {301, 302, 303, 307, 308}
_HEADERS = {"User-Agent": "stylecast", "Accept": "image/*"}


class NotServed(Permanent):
    """The server has no such thing to give, or more than is wanted."""


@dataclass(frozen=True)
class Bounds:
    """What a request may cost, and where it may go."""

    max_bytes: int
    seconds: float
    may_go: Callable[[str], bool]
    """Whether a redirect may be followed to this address."""
    networks: Sequence[Network] = ()
    """Networks that may be reached besides the open internet."""
    resolve: Resolve = resolved
    tls: ssl.SSLContext | None = None
    """None trusts what the system trusts."""


@dataclass(frozen=True)
class _Moved:
    """Where the server points."""

    to: str


Reader = Callable[[str, HTTPResponse, Bounds], T]


def get(url: str, bounds: Bounds) -> bytes:
    """Return the bytes at an address. Raises NotServed, Unreachable, or Transient."""
    return _followed("GET", url, bounds, _read)


def validators(url: str, bounds: Bounds) -> tuple[str, ...]:
    """Return ETag, Last-Modified and length of what lies at an address (RFC 9110, section 8.8).

    Empty where the server gives neither of the first two, or does not answer HEAD. Raises as `get`.
    """
    return _followed("HEAD", url, bounds, _read_validators)


def _followed(method: str, url: str, bounds: Bounds, read: Reader[T]) -> T:
    deadline = time.monotonic() + bounds.seconds
    for _ in range(1 + REDIRECTS):
        try:
            answer = _ask(method, url, bounds, deadline, read)
        except (OSError, HTTPException) as problem:
            raise Transient(f"{url} cannot be fetched now: {problem}") from problem
        if not isinstance(answer, _Moved):
            return answer
        if not bounds.may_go(answer.to):
            raise NotServed(f"{url} leads to {answer.to}, which is under no allowed prefix")
        url = answer.to
    raise NotServed(f"{url} is one redirect too many: {REDIRECTS} are followed")


def _ask(method: str, url: str, bounds: Bounds, deadline: float, read: Reader[T]) -> T | _Moved:
    """Return what `read` makes of the answer, or where the server points."""
    parts = urlsplit(url)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    tls = (bounds.tls or _trusted()) if parts.scheme == "https" else None
    connection = HTTPSConnection(parts.netloc, context=tls) if tls else HTTPConnection(parts.netloc)
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"{bounds.seconds:g} s are over")
    plain = connected(
        connection.host,
        connection.port,
        seconds=left,
        networks=bounds.networks,
        resolve=bounds.resolve,
    )
    with closing(plain), _ended_at(deadline, plain):
        plain.settimeout(max(0.001, deadline - time.monotonic()))
        host = connection.host
        connection.sock = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        with closing(connection):
            connection.request(method, target, headers=_HEADERS)
            with closing(connection.getresponse()) as response:
                location = response.getheader("Location")
                if response.status in MOVED and location:
                    return _Moved(_moved_to(url, location))
                answer = read(url, response, bounds)
    if time.monotonic() >= deadline:  # what was read may be half of it
        raise TimeoutError(f"{bounds.seconds:g} s are over")
    return answer


def escaped(url: str) -> str:
    """Percent-encode the path and query of an address where they must be, as browsers do.

    What is encoded already stays so, its digits in capitals (RFC 3986, section 6.2.2.1).
    """
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    path = quote(path, safe="%/?#[]:@!$&'()*+,;=~", errors="surrogateescape")
    path = re.sub("%[0-9a-fA-F]{2}", lambda found: found[0].upper(), path)
    return f"{scheme}{separator}{host}{slash}{path}"


def _moved_to(url: str, location: str) -> str:
    """Return where a Location header points; it may hold spaces and any bytes, in UTF-8 or not."""
    text = location.encode("iso-8859-1").decode(
        "utf-8", "surrogateescape"
    )  # as http.client read it
    try:
        return escaped(urljoin(url, text))
    except ValueError as problem:
        raise NotServed(f"{url} leads to {location!r}, which is no address: {problem}") from problem


def _read_validators(_: str, response: HTTPResponse, __: Bounds) -> tuple[str, ...]:
    tag, modified = response.getheader("ETag", ""), response.getheader("Last-Modified", "")
    if response.status != 200 or not (tag or modified):
        return ()
    return tag, modified, response.getheader("Content-Length", "")


def _read(url: str, response: HTTPResponse, bounds: Bounds) -> bytes:
    if response.status in AGAIN or response.status >= 500:
        raise Transient(f"{url} cannot be fetched now: the server answers {response.status}")
    if response.status != 200:
        raise NotServed(f"{url}: the server answers {response.status}")
    data = response.read(bounds.max_bytes + 1)
    if len(data) > bounds.max_bytes or (response.length or 0) + len(data) > bounds.max_bytes:
        raise NotServed(f"what lies at {url} is over the limit of {bounds.max_bytes} bytes")
    if response.length:
        raise Transient(f"{url} broke off {response.length} bytes before its end")
    return data


@contextmanager
def _ended_at(deadline: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down when its time is over: a drip of bytes would feed any time-out, also
    in a TLS handshake.
    """
    same = connection.dup()  # TLS takes the socket's own handle away
    clock = threading.Timer(max(0.0, deadline - time.monotonic()), _shut, [same])
    clock.start()
    try:
        yield
    finally:
        clock.cancel()
        clock.join()
        same.close()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
