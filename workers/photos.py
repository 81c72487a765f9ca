"""Which files are taken for photos when a folder is named."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


def is_picture(path: Path) -> bool:
    """Whether the name looks like a photo's."""
    return path.suffix.lower() in SUFFIXES
