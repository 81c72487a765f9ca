"""A container engine of the tests' own: podman with its images and containers in one folder.

Nothing of it is left: containers, networks and images go with the folder. Where a registry can be
reached or not makes no difference: the base image is made here (deploy/containers/build.sh).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "deploy" / "containers" / "build.sh"
REGISTRY = "localhost/stylecast"
STORAGE = (
    '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
)
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@contextmanager
def engine() -> Iterator[dict[str, str]]:
    """The environment in which podman has a place of its own, until the block is left."""
    folder = Path(tempfile.mkdtemp(prefix="stylecast-engine-"))
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    (folder / "containers.conf").write_text(CONTAINERS.format(folder=folder))
    environment = {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
    }
    try:
        yield environment
    finally:
        podman(environment, "rm", "--all", "--force", "--time", "0")
        podman(environment, "network", "prune", "--force")
        podman(environment, "rmi", "--all", "--force")
        shutil.rmtree(folder)


def build_images(environment: Mapping[str, str], *roles: str) -> None:
    """Build the images of roles. Raises CalledProcessError; what it said is on standard error."""
    chosen = {**environment, "PYTHON": sys.executable, "REGISTRY": REGISTRY}
    subprocess.run([str(BUILD), *roles], env=chosen, check=True, stdout=sys.stderr)


def podman(environment: Mapping[str, str], *arguments: str) -> str:
    """What podman prints on standard output. Raises CalledProcessError."""
    command = ["podman", *arguments]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return result.stdout


class Compose:
    """The compose file's services, started with an environment under a project's name."""

    def __init__(self, environment: Mapping[str, str], project: str) -> None:
        self.environment = environment
        self._project = project
        self._program = str(Path(sys.executable).with_name("podman-compose"))

    def __call__(self, *arguments: str) -> None:
        """Run podman-compose. Raises CalledProcessError."""
        file = str(ROOT / "deploy" / "compose.yaml")
        command = [self._program, "-p", self._project, "-f", file, *arguments]
        subprocess.run(command, env=self.environment, check=True, stdout=sys.stderr)

    def python(self, service: str, program: str) -> str:
        """What a program prints in a service's container. Raises CalledProcessError."""
        return podman(self.environment, "exec", self.container(service), "python3", "-c", program)

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{self._project}_{service}_1"
