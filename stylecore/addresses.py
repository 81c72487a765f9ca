"""Which network addresses a photo may come from: the open internet, and networks named by hand.

An address that a name resolves to is judged, never the name: names can be pointed anywhere.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from stylecore.errors import Permanent, Transient

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

TRANSLATED = ip_network("64:ff9b::/96")
"""IPv6 that a gateway turns into the IPv4 address of its last 32 bits (RFC 6052)."""


class Unreachable(Permanent):
    """The address is private, loopback, link-local or otherwise not of the open internet."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises Unreachable where there is none, Transient where unknown."""
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
    """Whether anyone may be asked there; IPv6 that stands for IPv4 counts as what it stands for."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None and not is_global(inner):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def connected(
    host: str, port: int, *, seconds: float, networks: Sequence[Network], resolve: Resolve
) -> socket.socket:
    """A connection to a host; the address that is connected is one that was checked.

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
