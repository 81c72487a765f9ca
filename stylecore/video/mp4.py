"""Read and write MP4 by PyAV (ffmpeg): any codec that it reads, written as H.264.

Needs the extra `video`. Times stay on the source's own clock, so that variable frame rates are
kept; a phone's rotation is applied. Sound is dropped; wide gamuts and high dynamic range become
8-bit colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from stylecore.errors import SettingsError
from stylecore.imaging import file_kinds
from stylecore.imaging.photo import Pixels
from stylecore.video.read import Bounds, Clip, Frame, NotAClip

_ENCODERS = ("libx264", "libopenh264", "mpeg4")
"""The first that the wheel has; the last one is always there."""
_OPTIONS = {"libx264": {"crf": "16", "preset": "medium", "bf": "0"}}
"""Frames in their order, so that the last one keeps its duration too."""
_HIGH_DEFINITION = 720
"""From this height on an untagged file means the colours of BT.709 (ITU-R), below those of 601."""


def is_video(path: Path) -> bool:
    """Return whether a file begins like an MP4 or QuickTime video; an unreadable one does not."""
    try:
        with path.open("rb") as file:
            return file_kinds.is_video(file.read(1024))
    except OSError:
        return False


def read_video(path: Path, bounds: Bounds) -> Clip:
    """Return the first video stream of a file.

    Raises NotAClip, and SettingsError where PyAV is not installed.
    """
    av = _pyav()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise NotAClip("there is no video in it")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise NotAClip("its video is in no codec that is known")
            bounds.check_size(stream.width, stream.height)
            bounds.check_count(stream.frames)
            sound = bool(container.streams.audio)
            tick, frames = Fraction(stream.time_base), stream.frames or None
    except (av.FFmpegError, OSError) as problem:
        raise NotAClip(f"no readable video: {problem}") from problem
    return Clip("mp4", tick, None, frames, has_sound=sound, frames=_frames(av, path, bounds))


class VideoWriter:
    """H.264 in 4:2:0; `tick` is the seconds of one tick of the durations that come."""

    def __init__(self, file: BinaryIO, tick: Fraction) -> None:
        """Raises SettingsError where PyAV is not installed."""
        self._av = _pyav()
        self._container = self._av.open(file, "w", format="mp4")
        self._tick, self._now = tick, 0
        self._ticks: dict[int, int] = {}
        self._stream: Any = None

    def write(self, pixels: Pixels, ticks: int) -> None:
        """Add a frame, [H, W, 3]; an odd side gains a line, for the format halves colours."""
        even = np.pad(pixels, [(0, side % 2) for side in pixels.shape[:2]] + [(0, 0)], mode="edge")
        if self._stream is None:
            self._stream = self._add_stream(*even.shape[:2])
        picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = self._now, self._tick
        self._ticks[self._now] = ticks
        self._now += max(ticks, 1)
        self._mux(frame)

    def close(self) -> None:
        """Write the frames that the encoder holds back, and the index."""
        if self._stream is not None:
            self._mux(None)
        self._container.close()

    def _mux(self, frame: Any) -> None:
        """Write the encoder's packets, which come later and without the frames' durations."""
        for packet in self._stream.encode(frame):
            packet.duration = self._ticks.pop(packet.pts)
            self._container.mux(packet)

    def _add_stream(self, height: int, width: int) -> Any:
        name = next(name for name in _ENCODERS if name in self._av.codecs_available)
        stream = self._container.add_stream(name, options=_OPTIONS.get(name, {}))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._tick
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_primaries = stream.codec_context.color_trc = _BT709
        return stream


_BT709 = 1
_UNTAGGED = 2
"""ITU-T H.273."""


def _pyav() -> Any:
    try:
        return import_module("av")
    except ImportError as problem:
        raise SettingsError("video needs PyAV: pip install 'stylecast[video]'") from problem


def _frames(av: Any, path: Path, bounds: Bounds) -> Iterator[Frame]:
    """Yield each frame once the next one's time gives its duration."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            before, last = None, 1
            for number, frame in zip(count(1), container.decode(stream), strict=False):
                bounds.check_count(number)
                bounds.check_size(frame.width, frame.height)
                if frame.pts is None:
                    raise NotAClip(f"frame {number} has no time")
                if before is not None:
                    last = max(frame.pts - before.pts, 0)
                    yield Frame(_upright(before), last)
                before = frame
            if before is None:
                raise NotAClip("there is no frame in it")
            yield Frame(_upright(before), before.duration or last)
    except (av.FFmpegError, OSError) as problem:
        raise NotAClip(f"no readable video: {problem}") from problem


def _upright(frame: Any) -> Image.Image:
    space = frame.colorspace
    if space == _UNTAGGED:
        space = "ITU709" if frame.height >= _HIGH_DEFINITION else "ITU601"
    pixels = frame.to_ndarray(format="rgb24", src_colorspace=space)
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)))
