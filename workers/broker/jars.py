"""Kafka's jars: resolved and cached by jgo, and compared with the checksums of this project.

The checksums stand in jars.sha256, in the form of sha256sum. Which JVM runs the jars is not
known here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from stylecore.errors import Permanent, Transient

COORDINATES = "org.apache.kafka:kafka_2.13:4.1.1+org.slf4j:slf4j-simple:1.7.36"


def kafka_jars() -> list[Path]:
    """The checked jars, by name. The first call downloads 44 MB into jgo's cache.

    Raises Transient when they cannot be had, Permanent when jgo is not installed or a jar is not
    the one that this project was tested with.
    """
    with _one_at_a_time():
        jars = sorted(_resolve(), key=lambda jar: jar.name)
    require_same(jars, expected_checksums())
    return jars


def expected_checksums() -> dict[str, str]:
    """The sha256 of each jar, by its file name."""
    lines = resources.files(__package__).joinpath("jars.sha256").read_text().splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines)}


def require_same(jars: list[Path], expected: dict[str, str]) -> None:
    """Raises Permanent that names the first jar that is missing, unknown or changed."""
    by_name = {jar.name: jar for jar in jars}
    strange = sorted(by_name.keys() ^ expected.keys())
    changed = [jar for name, jar in by_name.items() if expected.get(name) != checksum(jar)]
    if strange:
        raise Permanent(f"Kafka's jars are not those of this project: {', '.join(strange)}")
    if changed:
        raise Permanent(
            f"{changed[0]} is not the jar that this project was tested with: "
            "delete it and start again; if it comes back, the download is not to be trusted"
        )


def checksum(jar: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with jar.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where Stylecast keeps what it can make again: `$XDG_CACHE_HOME/stylecast`."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stylecast"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _resolve() -> list[Path]:
    try:
        import jgo
        from requests import RequestException
    except ImportError as problem:
        raise Permanent(
            f"the local broker needs the package {problem.name}: pip install 'stylecast[local]'"
        ) from problem
    try:
        return list(jgo.build(COORDINATES).all_jars)
    except (RequestException, RuntimeError, OSError) as problem:
        raise Transient(f"cannot get Kafka's jars ({COORDINATES}): {problem}") from problem


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two first starts must not fill jgo's cache at once."""
    with (cache_folder() / "jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
