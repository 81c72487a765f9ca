"""A port that is given is free, and given once on this machine while its process lives."""

import socket
import subprocess
import sys

from workers.broker.ports import LOOPBACK, free_port

MANY = 1500
HOLDER = f"""
from workers.broker.ports import free_port
print(*[free_port() for _ in range({MANY})], flush=True)
input()
"""


def test_it_can_be_taken():
    with socket.create_server((LOOPBACK, free_port())) as server:
        assert server.getsockname()[1] != free_port()


def test_processes_that_ask_at_once_are_given_different_ones():
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    given = [set(map(int, holder.stdout.readline().split())) for holder in holders]
    mine = {free_port() for _ in range(MANY)}
    for holder in holders:
        holder.communicate("\n")
    assert len(mine | given[0] | given[1]) == 3 * MANY
