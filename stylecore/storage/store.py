"""The store of pictures, sidecars and artifacts: any fsspec address, content-addressed.

A blob lies under its own sha256 and never changes. A sidecar lies under a key that is known
before the work is done; the first writer wins, also on a remote store, which must offer conditional
writes (S3 `If-None-Match`, GCS `ifGenerationMatch`, Azure `If-None-Match`). Local files are synced
to disk before they get their names, so that a power cut leaves no empty ones. What may be removed
is decided by stylecore.storage.prune.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TypeVar
from uuid import uuid4

import fsspec
import structlog
from fsspec.implementations.local import LocalFileSystem
from msgspec import Struct

from schemas.codec import InvalidEvent, decode
from stylecore.errors import Permanent, SettingsError, StylecastError, Transient
from stylecore.storage.local_file import is_beneath, local_path

Kept = TypeVar("Kept", bound=Struct)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MAX_BYTES = 50_000_000
"""Of a picture or a sidecar."""
MAX_BLOB_BYTES = 4_000_000_000
"""Of a model."""


class NotInStore(Permanent):
    """There is nothing at that address, or it is none of the store's."""


class StoredFile(Struct, frozen=True):
    """A file of the store: its path there, and its size in bytes."""

    path: str
    size: int

    @property
    def name(self) -> str:
        """The last part of the path, without its suffix: a sha256, or a sidecar's key."""
        return PurePosixPath(self.path).stem


class Store:
    """A folder at an fsspec address, such as `store`, `file:///data` or `s3://bucket/prefix`."""

    def __init__(self, uri: str) -> None:
        """Raises SettingsError where fsspec does not support the address."""
        if uri.startswith("file:"):
            folder = local_path(uri)
            if folder is None:
                raise SettingsError(f"store address {uri!r} names another host: use file:///folder")
            uri = str(folder)
        try:  # a cached listing would hide what other processes write
            self._filesystem, root = fsspec.core.url_to_fs(uri, use_listings_cache=False)
        except (ValueError, ImportError) as problem:
            raise SettingsError(f"store address {uri!r}: {problem}") from problem
        self._root = root.rstrip("/")
        self._is_local = isinstance(self._filesystem, LocalFileSystem)

    @property
    def uri(self) -> str:
        """The store's own address, absolute."""
        return self._address(self._root)

    def put_blob(
        self, folder: str, data: bytes, suffix: str, digest: str | None = None
    ) -> tuple[str, str]:
        """Write `data` under its sha256 in `folder`; return its address and sha256.

        A sha256 that is computed already can be passed as `digest`.
        One that is there counts as written now, and is replaced if its bytes are other ones. Raises
        Transient where the store is away or full.
        """
        name = digest or sha256(data).hexdigest()
        path = f"{self._root}/{folder}/{name[:2]}/{name}{suffix}"
        while not self._create(path, data) and not self._renew(path, data):
            pass  # it was removed in between
        return self._address(path), name

    def put_sidecar(self, folder: str, key: str, data: bytes) -> bytes:
        """Write `data` under `key` unless something is there; return what is there now."""
        path = self._sidecar_path(folder, key)
        if self._create(path, data):
            return data
        try:
            return self._read(path)
        except NotInStore:  # removed in between, or too large to be a sidecar
            self._replace(path, data, durable=True)
            return data

    def replace_sidecar(self, folder: str, key: str, data: bytes) -> None:
        """Write `data` under `key` in place of what is there. Raises Transient."""
        self._replace(self._sidecar_path(folder, key), data, durable=True)

    def put_note(self, folder: str, key: str, data: bytes) -> None:
        """Replace as `replace_sidecar` does, but unsynced: a power cut may leave it empty."""
        self._replace(self._sidecar_path(folder, key), data, durable=False)

    def get_sidecar(self, folder: str, key: str) -> bytes | None:
        """Return what lies under `key`, or None. Raises Transient where the store is away."""
        try:
            return self._read(self._sidecar_path(folder, key))
        except NotInStore:
            return None

    def get_json(self, folder: str, key: str, kind: type[Kept]) -> Kept | None:
        """Return the struct that lies under `key` as JSON, or None. Raises Transient.

        What cannot be read as one is logged and counts as absent.
        """
        data = self.get_sidecar(folder, key)
        if data is None:
            return None
        try:
            return decode(kind, data)
        except InvalidEvent as problem:
            log.warning("sidecar_unreadable", folder=folder, key=key, why=str(problem))
            return None

    def has_blob(self, uri: str) -> bool:
        """Return whether a non-empty file lies at an address of this store. Raises Transient."""
        try:
            path = self._own_path(uri)
            with self._trouble("read", path):
                return bool(self._filesystem.size(path))
        except NotInStore:
            return False

    def get(self, uri: str) -> bytes:
        """Return the bytes at an address of this store. Raises NotInStore or Transient."""
        return self._read(self._own_path(uri))

    def local_file(self, uri: str, cache: Path) -> Path:
        """Return a file on this machine with the blob at an address of this store.

        The blob itself where the store is a local folder; else a copy in `cache`, fetched unless
        one with the sha256 in its name is there. Raises NotInStore or Transient.
        """
        own = self._own_path(uri)
        if self._is_local:
            return Path(own)
        path = cache / PurePosixPath(uri).name
        if not path.exists() or sha256(path.read_bytes()).hexdigest() != path.stem:
            data = self._read(own, MAX_BLOB_BYTES)
            try:
                _write_local(path, data, replace=True, durable=False)
            except OSError as problem:
                raise Transient(f"the cache cannot be written at {path}: {problem}") from problem
        return path

    def check(self) -> None:
        """Write a file of its own, read it, and remove it.

        Raises Transient where the store is away or cannot be written, and Permanent where it does
        not keep what is written, or lets a second writer of a key win.
        """
        key, data = uuid4().hex, b"{}"
        path = self._sidecar_path("checks", key)
        if not self._create(path, data) or self.get_sidecar("checks", key) != data:
            raise Permanent(f"what is written to {self.uri} does not come back")
        is_exclusive = not self._create(path, b"[]")
        self.remove(StoredFile(path, len(data)))
        if not is_exclusive:
            raise Permanent(f"{self.uri} has no conditional writes: of two writers both would win")

    def files(self, folder: str) -> list[StoredFile]:
        """List all files below a folder by path; none if there is no such folder. Raises Transient.

        Files that are being written, or were left half written, are among them.
        """
        try:
            with self._trouble("list", folder):
                found = self._filesystem.find(f"{self._root}/{folder}", detail=True)
        except NotInStore:
            return []
        return [StoredFile(path, int(found[path]["size"] or 0)) for path in sorted(found)]

    def written_at(self, file: StoredFile) -> datetime:
        """Return when a file was last written, in UTC. Raises NotInStore or Transient."""
        with self._trouble("read", file.path):
            written: datetime = self._filesystem.modified(file.path)
        return written if written.tzinfo else written.replace(tzinfo=UTC)

    def address_of(self, file: StoredFile) -> str:
        """Return the address of a file, as its writer got it."""
        return self._address(file.path)

    def content(self, file: StoredFile) -> bytes:
        """Return a file's bytes. Raises NotInStore or Transient."""
        return self._read(file.path)

    def remove(self, file: StoredFile) -> None:
        """Remove a file; one that is gone already is no matter. Raises Transient."""
        try:
            with self._trouble("remove", file.path):
                self._filesystem.rm_file(file.path)
        except NotInStore:
            return

    def _address(self, path: str) -> str:
        """Return a file URI, percent-encoded (RFC 8089), or a remote store's address of the key."""
        if self._is_local:
            return Path(path).as_uri()
        return str(self._filesystem.unstrip_protocol(path))

    def _own_path(self, uri: str) -> str:
        if self._is_local:
            uri = str(local_path(uri) or uri)
        path = str(self._filesystem._strip_protocol(uri))  # noqa: SLF001 (fsspec has no public one)
        if (
            not path.startswith(self._root + "/")
            or ".." in path.split("/")
            or not path.isprintable()
            or (self._is_local and not is_beneath(Path(path), Path(self._root)))
        ):
            raise NotInStore(f"{uri} is not an address of the store {self.uri}")
        return path

    def _sidecar_path(self, folder: str, key: str) -> str:
        return f"{self._root}/{folder}/{key[:2]}/{key}.json"

    def _read(self, path: str, most: int = MAX_BYTES) -> bytes:
        with self._trouble("read", path):
            if (self._filesystem.size(path) or 0) > most:
                raise NotInStore(f"what lies at {path} is over the limit of {most} bytes")
            data: bytes = self._filesystem.cat_file(path)
        return data

    def _create(self, path: str, data: bytes) -> bool:
        """Return whether this call created the file; atomic, so that no reader meets half of it."""
        with self._trouble("write", path):
            if self._is_local:
                return _write_local(Path(path), data, replace=False, durable=True)
            try:
                self._filesystem.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except OSError:  # 412 of stores that do not say which condition, 409 of two at once
                if self._filesystem.exists(path):
                    return False
                raise
        return True

    def _renew(self, path: str, data: bytes) -> bool:
        """Let what lies there count as written now; False where nothing does."""
        if not self._is_local:
            self._replace(path, data, durable=True)
            return True
        file = Path(path)
        with self._trouble("write", path):
            try:
                if file.read_bytes() != data:
                    log.warning("blob_damaged", path=path)
                    return _write_local(file, data, replace=True, durable=True)
                os.utime(file)
            except FileNotFoundError:
                return False
            except PermissionError:
                return True  # another user's: it keeps its age
        return True

    def _replace(self, path: str, data: bytes, *, durable: bool) -> None:
        with self._trouble("write", path):
            if self._is_local:
                _write_local(Path(path), data, replace=True, durable=durable)
            else:
                self._filesystem.pipe_file(path, data)

    @contextmanager
    def _trouble(self, what: str, path: str) -> Iterator[None]:
        """Turn what a file system raises into NotInStore or Transient.

        Clients of remote stores raise more than OSError where the store is away.
        """
        try:
            yield
        except (StylecastError, MemoryError):
            raise
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as problem:
            if what == "write":
                raise Transient(f"the store cannot be written at {path}: {problem}") from problem
            raise NotInStore(f"nothing is stored at {path}") from problem
        except Exception as problem:
            if self._is_local and not isinstance(problem, OSError):
                raise
            done = {"read": "read", "write": "written", "list": "listed", "remove": "removed"}[what]
            raise Transient(f"the store cannot be {done} at {path}: {problem}") from problem


def _write_local(path: Path, data: bytes, *, replace: bool, durable: bool) -> bool:
    """Write the whole file under its name at once; whether it was written.

    Without `replace` the first writer wins. `durable` syncs the file and its folder to disk.
    """
    if not replace and path.exists():
        return False
    _make_folder(path.parent)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        if replace:
            Path(beside).replace(path)
        else:
            os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        Path(beside).unlink(missing_ok=True)
    if durable:
        _sync_folder(path.parent)
    return True


def _make_folder(folder: Path) -> None:
    """Make the folder and those above it, their names synced to disk."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(handle)
