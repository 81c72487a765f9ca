"""The store of pictures, sidecars and artifacts: any fsspec address, content-addressed.

A blob lies under its own sha256 and never changes. A sidecar lies under a key that is known
before the work is done; the first writer wins. Nothing here deletes.
"""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from stylecore.errors import Permanent, SettingsError, Transient


class NotInStore(Permanent):
    """There is nothing at that address, or it is none of the store's."""


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

        Raises Transient where the store is away or full.
        """
        name = sha256(data).hexdigest()
        path = f"{self._root}/{folder}/{name[:2]}/{name}{suffix}"
        self._create(path, data)
        return str(self._filesystem.unstrip_protocol(path)), name

    def put_sidecar(self, folder: str, key: str, data: bytes) -> bytes:
        """Write `data` under `key` unless something is there; return what is there now."""
        path = self._sidecar_path(folder, key)
        return data if self._create(path, data) else self._read(path)

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
        if self._is_local:
            return Path(self._own_path(uri))
        path = cache / PurePosixPath(uri).name
        if not path.exists() or sha256(path.read_bytes()).hexdigest() != path.stem:
            data = self.get(uri)
            try:
                path.unlink(missing_ok=True)
                _create_local(path, data)
            except OSError as problem:
                raise Transient(f"the cache cannot be written at {path}: {problem}") from problem
        return path

    def _own_path(self, uri: str) -> str:
        path = str(self._filesystem._strip_protocol(uri))  # noqa: SLF001 (fsspec has no public one)
        if not path.startswith(self._root + "/") or ".." in path.split("/"):
            raise NotInStore(f"{uri} is not an address of the store {self.uri}")
        return path

    def _sidecar_path(self, folder: str, key: str) -> str:
        return f"{self._root}/{folder}/{key[:2]}/{key}.json"

    def _read(self, path: str) -> bytes:
        try:
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
