"""Free ports for processes that must be told one before they take it."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_768)
"""Below those that systems give to outgoing connections: such a one could come in between."""
TRIES = 100


def free_port(host: str = LOOPBACK) -> int:
    """A port of the host that nobody has now."""
    for port in random.sample(PORTS, TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        found: int = probe.getsockname()[1]
        return found
