"""Which files are taken for photos and clips when a folder is named: the bytes decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stylecore.errors import Permanent
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES, is_video, kind_of
from stylecore.imaging.photo import KINDS_READ

PHOTO_KINDS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000"
SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
SYSTEM_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
LIKE_PICTURES = PICTURE_SUFFIXES | {".heic", ".heif", ".mp4", ".mov"}
_HEAD = 1024


class NotTaken(Permanent):
    """A file is no photo and no clip; the message names it and says why."""


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder but those of the system, in order.

    Passed over are hidden files and folders, and what Windows, macOS and storage boxes put beside
    photos (SYSTEM_FILES, SYSTEM_FOLDERS). A hidden file whose name ends like a picture's, as
    `._mug.jpg`, is not: someone may miss it.
    """
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_dir() or any(_is_system_folder(part) for part in inner.parts[:-1]):
            continue
        hidden = path.name.startswith(".") and path.suffix.lower() not in LIKE_PICTURES
        if not hidden and path.name.lower() not in SYSTEM_FILES:
            yield path


def check_kind(path: Path) -> None:
    """Raises NotTaken unless a file begins like a photo or a video."""
    if path.exists() and not path.is_file():
        raise NotTaken(f"{path}: no regular file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as problem:
        raise NotTaken(f"cannot read {path}: {problem.strerror}") from problem
    kind = kind_of(head)
    if kind not in KINDS_READ and not is_video(head):
        raise NotTaken(f"{path}: this is {kind}, no photo ({PHOTO_KINDS}) or clip")


def _is_system_folder(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS
