"""Fetch a merchant's photo: from allowed addresses only, with bounded bytes.

Name resolution of remote hosts and redirects are not checked here; nothing remote is allowed
unless a setting names its prefix.
"""

from __future__ import annotations

from pathlib import Path

import fsspec

from stylecore.errors import Permanent, Transient


class NotFetchable(Permanent):
    """The address is not allowed, nothing lies there, or it is too large."""


def fetch(uri: str, *, allowed_prefixes: tuple[str, ...], max_bytes: int) -> bytes:
    """The bytes at `uri`.

    A local address is resolved first, so that neither `..` nor a symbolic link leads out of an
    allowed folder. Raises NotFetchable, or Transient where trying again may help.
    """
    address = _allowed_address(uri, allowed_prefixes)
    try:
        with fsspec.open(address, "rb") as file:
            data: bytes = file.read(max_bytes + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as problem:
        raise NotFetchable(f"no photo can be read at {uri}") from problem
    except (ValueError, ImportError) as problem:
        raise NotFetchable(f"{uri}: {problem}") from problem
    except OSError as problem:
        raise Transient(f"{uri} cannot be fetched now: {problem}") from problem
    if len(data) > max_bytes:
        raise NotFetchable(f"the photo at {uri} is over the limit of {max_bytes} bytes")
    return data


def _allowed_address(uri: str, allowed_prefixes: tuple[str, ...]) -> str:
    local = _local_path(uri)
    if local is None:
        if ".." not in uri.split("/") and uri.startswith(_remote(allowed_prefixes)):
            return uri
    elif any(_is_inside(local, prefix) for prefix in allowed_prefixes):
        file = local.resolve()
        if not file.is_file():  # opening a pipe would wait for ever
            raise NotFetchable(f"no photo can be read at {uri}")
        return str(file)
    allowed = ", ".join(allowed_prefixes) or "none"
    raise NotFetchable(f"{uri} is under no allowed prefix ({allowed})")


def _local_path(uri: str) -> Path | None:
    """The path of a local address, None for another scheme or a chain of them."""
    if uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    return None if "::" in uri or "://" in uri else Path(uri)


def _is_inside(path: Path, prefix: str) -> bool:
    folder = _local_path(prefix)
    try:
        return folder is not None and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a loop of links, or a NUL in the name
        return False


def _remote(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Remote prefixes, each closed by '/', so that no longer host name slips through."""
    return tuple(f"{p.rstrip('/')}/" for p in prefixes if _local_path(p) is None and "://" in p)
