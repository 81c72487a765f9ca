"""Free ports for processes that need to know theirs before they bind it.

A port is given once: a lock on a byte of a file reserves it between processes of this machine until
the process that asked for it ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_768)
"""Below those that systems give to outgoing connections: such a one could come in between."""
TRIES = 200
_given: set[int] = set()


def free_port(host: str = LOOPBACK) -> int:
    """Return a port of the host that is free, and that no process here was given."""
    for port in random.sample(PORTS, TRIES):
        if _is_bindable(host, port) and _reserved(port):
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        found: int = probe.getsockname()[1]
        return found


def _is_bindable(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _reserved(port: int) -> bool:
    """Reserve the port for this process; return whether it was free and not given before."""
    if port in _given:
        return False
    try:
        fcntl.lockf(_reservations(os.getpid()), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    _given.add(port)
    return True


@cache
def _reservations(_pid: int) -> int:
    """Open the file of the locks, which close with it; a forked child has its own."""
    path = Path(tempfile.gettempdir()) / f"stylecast-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
