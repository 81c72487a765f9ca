"""Clips on disk: which files are some, opened for reading, and written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from stylecore.clips.animations import is_animation, read_animation
from stylecore.clips.frames import Bounds, Clip, Frame, NotAClip, Writer
from stylecore.clips.gif import GifWriter
from stylecore.clips.video import VideoWriter, is_video, read_video
from stylecore.clips.webp import WebpWriter
from stylecore.imaging.photo import Pixels


def is_clip(path: Path) -> bool:
    """Whether a file is a moving picture: a video by its bytes, a GIF or WebP by its frames."""
    return is_video(path) or is_animation(path)


def open_clip(path: Path, bounds: Bounds) -> Clip:
    """A file's frames, one by one. Raises NotAClip, naming the file, also from the frames."""
    try:
        clip = read_video(path, bounds) if is_video(path) else read_animation(path, bounds)
    except NotAClip as problem:
        raise NotAClip(f"{path}: {problem}") from problem
    return replace(clip, frames=_named(path, clip.frames))


class ClipFile:
    """A clip that is being written beside its place; nothing is there until it is kept."""

    def __init__(self, path: Path, clip: Clip) -> None:
        """`clip` is the source, whose kind, loop and clock it has."""
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._file = self._part.open("wb")
        self._writer = _writer(self._file, clip)

    def write(self, pixels: Pixels, ticks: int) -> None:
        """The next frame, [H, W, 3], and its duration."""
        self._writer.write(pixels, ticks)

    def keep(self) -> None:
        """Puts the whole clip in its place."""
        self._writer.close()
        self._file.close()
        self._part.replace(self._path)

    def discard(self) -> None:
        """Leaves nothing of what was not kept."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def _writer(file: BinaryIO, clip: Clip) -> Writer:
    if clip.kind == "gif":
        return GifWriter(file, clip.loop)
    return WebpWriter(file, clip.loop) if clip.kind == "webp" else VideoWriter(file, clip.tick)


def _named(path: Path, frames: Iterator[Frame]) -> Iterator[Frame]:
    try:
        yield from frames
    except NotAClip as problem:
        raise NotAClip(f"{path}: {problem}") from problem
