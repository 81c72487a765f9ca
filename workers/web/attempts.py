"""How often an address may guess the token: so many wrong ones in a while, then it has to wait.

What is kept is bounded: of too many addresses the one that failed longest ago is forgotten. Behind
a proxy everyone may have its address, so that one who guesses keeps the others from entering too;
who is inside stays there. Used by the event loop's thread alone.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable
from math import ceil

MOST = 10
SECONDS = 60.0
ADDRESSES_KEPT = 10_000
NETWORK_BITS = 64
"""Of an IPv6 address: whoever has one has all of its network."""


class Attempts:
    """The times of an address's wrong guesses, as far as they still count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> int:
        """0 where the address may guess now."""
        failed = self._failed.get(_who(address))
        if failed is None or len(failed) < MOST:
            return 0
        return max(0, ceil(failed[0] + SECONDS - self._clock()))

    def fail(self, address: str) -> None:
        """The address has guessed wrong."""
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
