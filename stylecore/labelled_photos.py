"""Photos whose folder is their category: `DIR/<category>/<photo>`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stylecore.errors import SettingsError
from stylecore.file_kinds import PICTURE_SUFFIXES


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo's file and the name of its folder."""

    path: Path
    category: str


def labelled_photos(folder: Path) -> list[LabelledPhoto]:
    """All photos of the category folders in `folder`, by category and name.

    Raises SettingsError when there is none.
    """
    found = [
        LabelledPhoto(path, path.parent.name)
        for path in sorted(folder.glob("*/*"))
        if path.suffix.lower() in PICTURE_SUFFIXES
    ]
    if not found:
        raise SettingsError(f"photos: none in category folders of {folder}")
    return found
