"""Several instances of workers as processes, each with an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from helpers import is_ready, wait_until

from workers.broker.ports import free_port


@dataclass
class Instances:
    """Running processes by instance name."""

    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, worker: str, instance: str, **variables: str) -> None:
        """Start an instance and wait until it is ready."""
        port = free_port()
        environment = {
            **self.environment,
            "STYLECAST_WORKER__HTTP_PORT": str(port),
            "STYLECAST_WORKER__INSTANCE": instance,
            **variables,
        }
        command = [sys.executable, "-m", "workers", "run", worker]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        self.processes[instance] = process

        def answers() -> bool:
            assert process.poll() is None, f"{instance} has ended"
            try:
                return is_ready(port)
            except OSError:
                return False

        wait_until(answers, 90)

    def stop(self, instance: str) -> None:
        """As a rolling update does: in order."""
        process = self.processes.pop(instance)
        process.terminate()
        assert process.wait(60) == 0


@contextmanager
def instances(environment: Mapping[str, str], **variables: str) -> Iterator[Instances]:
    """None runs when the block is left."""
    running = Instances({**environment, **variables})
    try:
        yield running
    finally:
        for process in running.processes.values():
            process.kill()
            process.wait()
