"""Local addresses, and opening files beneath a folder without following links out of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def local_path(uri: str) -> Path | None:
    """Return the path that a local address names; None for other schemes, hosts and chains of them.

    A file URI is percent-decoded, its host empty or localhost (RFC 8089); a plain path is taken as
    it is.
    """
    if uri.startswith("file:/"):
        rest = uri.removeprefix("file:")
        if rest.startswith("//"):
            host, slash, path = rest.removeprefix("//").partition("/")
            rest = slash + path if host in ("", "localhost") else ""
        return Path(unquote(rest)) if rest else None
    return None if "::" in uri or "://" in uri or uri.startswith("file:") else Path(uri)


def is_beneath(path: Path, folder: Path) -> bool:
    """Return whether the path, its links followed, lies in the folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a loop of links, or a NUL in the name
        return False


@contextmanager
def open_beneath(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """Open the file for reading.

    Links are followed once, and the place where they end is then opened from the folder downwards
    without any: a link that changes in between leads nowhere. Raises OSError, also for what is no
    regular file (a pipe would be waited for without end) or lies elsewhere.
    """
    root, file = folder.resolve(), path.resolve()
    if file == root:
        root = root.parent
    if not file.is_relative_to(root):
        raise PermissionError(f"{path} is not in {folder}")
    parts = file.relative_to(root).parts
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        with os.fdopen(os.open(parts[-1], _FILE, dir_fd=handle), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise IsADirectoryError(errno.EISDIR, "no regular file", str(path))
            yield opened
    finally:
        os.close(handle)
