"""Find files of the store that no record refers to.

A file is kept while a record names it, and an image also while a sidecar that is kept names it.
Files written after a given time are kept in any case: their record may be on its way. Only the
folders below are examined: photos and references may lie in the same store.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import datetime

from msgspec import Struct

from schemas.codec import InvalidEvent, decode
from stylecore.storage.render_cache import EMBEDDINGS_FOLDER as EMBEDDINGS
from stylecore.storage.render_cache import SIDECAR_FOLDER as SIDECARS
from stylecore.storage.render_cache import Sidecar
from stylecore.storage.store import NotInStore, Store, StoredFile

IMAGES = "images"
POSTERS = "posters"
DEAD_LETTERS = "dead-letters"
FACTORS = "models/preferences"
FOLDERS = (IMAGES, EMBEDDINGS, POSTERS, DEAD_LETTERS, FACTORS)
OURS = re.compile(r"[0-9a-f]{64}|\..*")
"""Names of files that Stylecast wrote, those half written with a dot before them."""


class Unneeded(Struct, frozen=True):
    """Files that may go: `sidecars` first, for they lead to the others."""

    sidecars: list[StoredFile]
    blobs: dict[str, list[StoredFile]]
    """By folder."""
    kept: dict[str, int]
    """Files that stay, by folder."""
    unreadable: int = 0
    """Sidecars that could not be read; they stay, and are replaced when drawn again."""


def find_unneeded(
    store: Store, named: AbstractSet[bytes], written_before: datetime, keep_factors: int
) -> Unneeded:
    """Find what may go, of what was written before then. `named` are sha256 digests, 32 bytes each.

    The newest `keep_factors` artifacts stay in any case, to go back to. Raises Transient.
    """
    sidecars, of_sidecars, kept_sidecars, unreadable = _sidecars(store, named, written_before)
    by_folder = {folder: _ours(store, folder) for folder in FOLDERS}
    needed = {
        IMAGES: named | of_sidecars,
        EMBEDDINGS: named,
        POSTERS: named,
        DEAD_LETTERS: named,
        FACTORS: named | _newest(store, by_folder[FACTORS], keep_factors),
    }
    blobs = {
        folder: [
            file
            for file in files
            if _digest(file) not in needed[folder] and _is_old(store, file, written_before)
        ]
        for folder, files in by_folder.items()
    }
    kept = {folder: len(files) - len(blobs[folder]) for folder, files in by_folder.items()}
    return Unneeded(sidecars, blobs, {SIDECARS: kept_sidecars, **kept}, unreadable)


def remove_if_old(store: Store, file: StoredFile, written_before: datetime) -> bool:
    """Remove the file unless it was rewritten meanwhile; return whether. Raises Transient."""
    if not _is_old(store, file, written_before):
        return False
    store.remove(file)
    return True


def _sidecars(
    store: Store, named: AbstractSet[bytes], written_before: datetime
) -> tuple[list[StoredFile], set[bytes], int, int]:
    """Find the sidecars that may go; images, number and unreadable ones of the others.

    One that was left half written, a dot before its name, names no image and goes when it is old.
    """
    unneeded, needed, kept, unreadable = [], set(), 0, 0
    for file in _ours(store, SIDECARS):
        half_written = file.name.startswith(".")
        image = None if half_written else _image_of(store, file)
        if image is None and not half_written:
            unreadable += 1
            kept += 1
        elif image in named or not _is_old(store, file, written_before):
            needed |= {image} if image else set()
            kept += 1
        else:
            unneeded.append(file)
    return unneeded, needed, kept, unreadable


def _ours(store: Store, folder: str) -> list[StoredFile]:
    return [file for file in store.files(folder) if OURS.fullmatch(file.name)]


def _image_of(store: Store, file: StoredFile) -> bytes | None:
    """Return the digest of a sidecar's image; None where it cannot be read, or went meanwhile."""
    try:
        return bytes.fromhex(decode(Sidecar, store.content(file)).sha256)
    except (NotInStore, InvalidEvent):
        return None


def _newest(store: Store, files: list[StoredFile], count: int) -> set[bytes]:
    ordered = sorted(files, key=store.written_at, reverse=True)
    return {_digest(file) for file in ordered[:count]}


def _digest(file: StoredFile) -> bytes:
    """Return the sha256 that names a file; none where another thing lies or is written there."""
    try:
        return bytes.fromhex(file.name)
    except ValueError:
        return b""


def _is_old(store: Store, file: StoredFile, written_before: datetime) -> bool:
    try:
        return store.written_at(file) < written_before
    except NotInStore:
        return False
