"""Fetch photos and reference pictures: from allowed places only, with bounded bytes and time.

Only folders, http or https prefixes and buckets that the settings name are allowed. The result is
bytes; whether they are a picture is determined by decoding them (imaging.photo).
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit

import fsspec

from stylecore.errors import Permanent, Transient
from stylecore.storage.http import Bounds, Network, NotServed, Unreachable, escaped, get, validators
from stylecore.storage.local_file import is_beneath, local_path, open_beneath

Loaded = TypeVar("Loaded")
T = TypeVar("T")

WEB = ("http", "https")
BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Schemes of fsspec whose host no address can choose; any other is refused."""
SECONDS = 30.0
GRACE_SECONDS = 0.5
"""For a web fetch to say itself that its time is over."""
NOTHING_THERE = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_DECODED = 3
"""How often %-escapes are taken off to look for `..`."""


class NotFetchable(Permanent):
    """The address is not allowed, nothing lies there, or it is too large."""


def fetch(
    uri: str,
    *,
    allowed_prefixes: Sequence[str],
    max_bytes: int,
    seconds: float = SECONDS,
    networks: Sequence[Network] = (),
) -> bytes:
    """Return the bytes at `uri`.

    A local address is resolved first, so that neither `..` nor a symbolic link leads out of an
    allowed folder. A web address is connected only at the open internet or in `networks`. Raises
    NotFetchable, or Transient where trying again may help.
    """
    data = _by_kind(
        uri,
        allowed_prefixes,
        max_bytes,
        seconds,
        networks,
        local=lambda path: _read_local(uri, path, allowed_prefixes, max_bytes + 1),
        web=partial(get, uri),
        bucket=partial(_read_bucket, uri, max_bytes + 1),
    )
    if len(data) > max_bytes:
        raise NotFetchable(f"the photo at {uri} is over the limit of {max_bytes} bytes")
    return data


def version(
    uri: str,
    *,
    allowed_prefixes: Sequence[str],
    max_bytes: int,
    seconds: float = SECONDS,
    networks: Sequence[Network] = (),
) -> str:
    """Return a version of the bytes at `uri`, 32 hexadecimal digits that change with them.

    It is a hash of a web server's ETag, Last-Modified and length, of the bytes where the server
    gives neither of the first two, of a file's size, time and inode, or of a bucket's checksum.
    Raises as `fetch` does.
    """
    parts = _by_kind(
        uri,
        allowed_prefixes,
        max_bytes,
        seconds,
        networks,
        local=lambda path: _local_version(uri, path, allowed_prefixes),
        web=lambda bounds: validators(uri, bounds) or sha256(get(uri, bounds)).hexdigest(),
        bucket=partial(_bucket_version, uri),
    )
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _by_kind(
    uri: str,
    allowed_prefixes: Sequence[str],
    max_bytes: int,
    seconds: float,
    networks: Sequence[Network],
    *,
    local: Callable[[Path], T],
    web: Callable[[Bounds], T],
    bucket: Callable[[], T],
) -> T:
    """Return what the function for the kind of address gives, where the address is allowed."""
    path = local_path(uri)
    if path is not None:
        return local(path)
    if not _is_allowed(uri, allowed_prefixes):
        raise _refusal(uri, allowed_prefixes)
    if urlsplit(uri).scheme not in WEB:
        return _within(seconds, uri, bucket)
    bounds = Bounds(
        max_bytes=max_bytes,
        seconds=seconds,
        networks=networks,
        may_go=lambda other: _is_allowed(other, allowed_prefixes, WEB),
    )
    try:
        return _within(seconds + GRACE_SECONDS, uri, partial(web, bounds))
    except (NotServed, Unreachable) as problem:
        raise NotFetchable(str(problem)) from problem


def _read_local(uri: str, path: Path, allowed_prefixes: Sequence[str], most: int) -> bytes:
    with _opened(uri, path, allowed_prefixes) as file:
        return file.read(most)


def _local_version(uri: str, path: Path, allowed_prefixes: Sequence[str]) -> object:
    with _opened(uri, path, allowed_prefixes) as file:
        found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ino


@contextmanager
def _opened(uri: str, path: Path, allowed_prefixes: Sequence[str]) -> Iterator[BinaryIO]:
    folders = (local_path(prefix) for prefix in allowed_prefixes)
    for folder in folders:
        if folder is not None and is_beneath(path, folder):
            try:
                with open_beneath(path, folder) as file:
                    yield file
            except OSError as problem:
                if problem.errno in NOTHING_THERE or isinstance(problem, PermissionError):
                    raise NotFetchable(f"no photo can be read at {uri}") from problem
                raise Transient(f"{uri} cannot be fetched now: {problem}") from problem
            return
    raise _refusal(uri, allowed_prefixes)


def _within(seconds: float, uri: str, work: Callable[[], T]) -> T:
    """Return the result of `work`, in a thread that is left behind when the time is over.

    Neither the look-up of a name nor a bucket's client can be interrupted; both end by themselves.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as problem:  # noqa: BLE001 (raised where the result is waited for)
            result.set_exception(problem)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError as problem:
        raise Transient(f"{uri} cannot be fetched now: {seconds:g} s are over") from problem


def _read_bucket(uri: str, most: int) -> bytes:
    with _bucket_errors(uri), fsspec.open(uri, "rb") as file:
        data: bytes = file.read(most)
    return data


def _bucket_version(uri: str) -> object:
    with _bucket_errors(uri):
        filesystem, path = fsspec.core.url_to_fs(uri)
        return filesystem.checksum(path)


@contextmanager
def _bucket_errors(uri: str) -> Iterator[None]:
    """Turn what the clients of buckets raise into NotFetchable and Transient."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError) as problem:
        raise NotFetchable(f"no photo can be read at {uri}") from problem
    except (ValueError, ImportError) as problem:
        raise NotFetchable(f"{uri}: {problem}") from problem
    except Exception as problem:  # more than OSError where a bucket is away
        if isinstance(problem, OSError) and problem.errno in NOTHING_THERE:
            raise NotFetchable(f"no photo can be read at {uri}") from problem
        raise Transient(f"{uri} cannot be fetched now: {problem}") from problem


def _is_allowed(
    uri: str, allowed_prefixes: Sequence[str], schemes: Sequence[str] = WEB + BUCKETS
) -> bool:
    """Return whether a remote address is plain, of a known scheme, and under a prefix."""
    scheme, separator, rest = uri.partition("://")
    prefixes = _remote(allowed_prefixes)
    if scheme in WEB:  # a bucket's key is not decoded: spaces and % are part of it
        if " " in uri:
            return False
        uri, prefixes = escaped(uri), tuple(map(escaped, prefixes))
    return (
        bool(separator)
        and scheme in schemes
        and "::" not in uri
        and "@" not in rest.partition("/")[0]
        and not _ODD.search(uri)
        and not _climbs(rest)
        and uri.startswith(prefixes)
    )


def _climbs(path: str) -> bool:
    """Return whether a `..` is in it, escaped or not."""
    for _ in range(_DECODED):
        path = unquote(path)
    return ".." in re.split(r"[/\\?#]", path)


def _refusal(uri: str, allowed_prefixes: Sequence[str]) -> NotFetchable:
    allowed = ", ".join(allowed_prefixes) or "none"
    hint = "; write a space as %20" if uri.startswith(WEB) and " " in uri else ""
    return NotFetchable(f"{uri} is under no allowed prefix ({allowed}){hint}")


def _remote(prefixes: Sequence[str]) -> tuple[str, ...]:
    """Return remote prefixes, each closed by '/', so that no longer host name slips through."""
    return tuple(f"{p.rstrip('/')}/" for p in prefixes if local_path(p) is None and "://" in p)
