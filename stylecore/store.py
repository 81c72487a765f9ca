"""The store of pictures, sidecars and artifacts: any fsspec address, content-addressed.

A blob lies under its own sha256 and never changes. A sidecar lies under a key that is known
before the work is done; the first writer wins. What may be removed is not known here
(stylecore.pruning).
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem
from msgspec import Struct

from stylecore.errors import Permanent, SettingsError, Transient
from stylecore.local_file import is_beneath

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
        """Raises SettingsError where fsspec knows no such address."""
        try:
            self._filesystem, root = fsspec.core.url_to_fs(uri)
        except (ValueError, ImportError) as problem:
            raise SettingsError(f"store address {uri!r}: {problem}") from problem
        self._root = root.rstrip("/")
        self._is_local = isinstance(self._filesystem, LocalFileSystem)

    @property
    def uri(self) -> str:
        """The store's own address, absolute."""
        return str(self._filesystem.unstrip_protocol(self._root))

    def put_blob(self, folder: str, data: bytes, suffix: str) -> tuple[str, str]:
        """Write `data` under its sha256 in `folder`; return its address and sha256.

        One that is there counts as written now. Raises Transient where the store is away or full.
        """
        name = sha256(data).hexdigest()
        path = f"{self._root}/{folder}/{name[:2]}/{name}{suffix}"
        while not self._create(path, data) and not self._renew(path, data):
            pass  # it was removed in between
        return str(self._filesystem.unstrip_protocol(path)), name

    def put_sidecar(self, folder: str, key: str, data: bytes) -> bytes:
        """Write `data` under `key` unless something is there; return what is there now."""
        path = self._sidecar_path(folder, key)
        return data if self._create(path, data) else self._read(path)

    def put_note(self, folder: str, key: str, data: bytes) -> None:
        """Write `data` under `key` in place of what is there; `get_sidecar` reads it.

        Raises Transient where the store is away or full.
        """
        path = self._sidecar_path(folder, key)
        try:
            if self._is_local:
                _replace_local(Path(path), data)
            else:
                self._filesystem.pipe_file(path, data)
        except OSError as problem:
            raise Transient(f"the store cannot be written at {path}: {problem}") from problem

    def get_sidecar(self, folder: str, key: str) -> bytes | None:
        """What lies under `key`, or None. Raises Transient where the store is away."""
        try:
            return self._read(self._sidecar_path(folder, key))
        except NotInStore:
            return None

    def get(self, uri: str) -> bytes:
        """The bytes at an address of this store. Raises NotInStore or Transient."""
        return self._read(self._own_path(uri))

    def local_file(self, uri: str, cache: Path) -> Path:
        """A file on this machine with the blob at an address of this store.

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
                path.unlink(missing_ok=True)
                _create_local(path, data)
            except OSError as problem:
                raise Transient(f"the cache cannot be written at {path}: {problem}") from problem
        return path

    def files(self, folder: str) -> list[StoredFile]:
        """All files below a folder, by path; none where there is no such folder. Raises Transient.

        Files that are being written, or were left half written, are among them.
        """
        try:
            found = self._filesystem.find(f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise Transient(f"the store cannot be listed at {folder}: {problem}") from problem
        return [StoredFile(path, int(found[path]["size"] or 0)) for path in sorted(found)]

    def written_at(self, file: StoredFile) -> datetime:
        """When a file was last written, in UTC. Raises NotInStore or Transient."""
        try:
            written: datetime = self._filesystem.modified(file.path)
        except FileNotFoundError as problem:
            raise NotInStore(f"nothing is stored at {file.path}") from problem
        except OSError as problem:
            raise Transient(f"the store cannot be read at {file.path}: {problem}") from problem
        return written if written.tzinfo else written.replace(tzinfo=UTC)

    def address_of(self, file: StoredFile) -> str:
        """Where a file lies, as its writer was told."""
        return str(self._filesystem.unstrip_protocol(file.path))

    def content(self, file: StoredFile) -> bytes:
        """A file's bytes. Raises NotInStore or Transient."""
        return self._read(file.path)

    def remove(self, file: StoredFile) -> None:
        """Remove a file; one that is gone already is no matter. Raises Transient."""
        try:
            self._filesystem.rm_file(file.path)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise Transient(f"the store cannot remove {file.path}: {problem}") from problem

    def _own_path(self, uri: str) -> str:
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
        try:
            if (self._filesystem.size(path) or 0) > most:
                raise NotInStore(f"what lies at {path} is over the limit of {most} bytes")
            data: bytes = self._filesystem.cat_file(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as problem:
            raise NotInStore(f"nothing is stored at {path}") from problem
        except OSError as problem:
            raise Transient(f"the store cannot be read at {path}: {problem}") from problem
        return data

    def _create(self, path: str, data: bytes) -> bool:
        """Whether this call created the file; atomic, so that no reader meets half of it."""
        try:
            if self._is_local:
                return _create_local(Path(path), data)
            if self._filesystem.exists(path):
                return False
            self._filesystem.pipe_file(path, data)
        except OSError as problem:
            raise Transient(f"the store cannot be written at {path}: {problem}") from problem
        return True

    def _renew(self, path: str, data: bytes) -> bool:
        """Let what lies there count as written now; False where nothing does."""
        try:
            if self._is_local:
                os.utime(path)
            else:
                self._filesystem.pipe_file(path, data)
        except FileNotFoundError:
            return False
        except PermissionError:
            return True  # another user's: it keeps its age
        except OSError as problem:
            raise Transient(f"the store cannot be written at {path}: {problem}") from problem
        return True


def _create_local(path: Path, data: bytes) -> bool:
    """Write beside, then link: the link fails where another was first."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(beside).chmod(0o644)
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        Path(beside).unlink()
    return True


def _replace_local(path: Path, data: bytes) -> None:
    """Write beside, then rename: a reader meets the old bytes or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
