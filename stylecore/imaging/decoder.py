"""Decode photos in separate processes, so that malformed files can neither crash nor hang a worker.

Pillow's own checks come first (photo.py); what passes them runs under the system's limits on
memory, processor time and files. The answers of such a process are not trusted: lengths and shapes
are checked, and nothing of them is executed. The number of photos is not bounded here.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import numpy as np

from stylecore.arrays import Bytes
from stylecore.errors import Transient
from stylecore.imaging.decoder_process import Answer, Limits, Raster, read_frame, write_frame
from stylecore.imaging.photo import MAX_ASPECT, NOTES, NotAPhoto, Photo, Pixels

TRIES = 2
"""A photo that ends the process so often is at fault itself."""
CLOCK_FACTOR = 12
"""Seconds by the clock for one of processor time: a busy machine is not the photo's fault."""
LONGEST_PROBLEM = 10_000


@dataclass
class _Process:
    limits: Limits
    _child: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._child = _started(self.limits)

    @property
    def pid(self) -> int:
        return self._child.pid

    def ask(self, data: bytes) -> Answer | None:
        """Return the answer; None where there is none, and the process is at its end."""
        clock = threading.Timer(CLOCK_FACTOR * self.limits.seconds, self._child.kill)
        clock.start()
        try:
            write_frame(cast("BinaryIO", self._child.stdin), data)
            frame = read_frame(cast("BinaryIO", self._child.stdout), _most_bytes(self.limits))
            return None if frame is None else msgspec.msgpack.decode(frame, type=Answer)
        except (BrokenPipeError, msgspec.DecodeError):
            return None
        finally:
            clock.cancel()

    def end(self) -> int:
        """Kill it, if it has not ended by itself; its status."""
        with suppress(BrokenPipeError):
            cast("BinaryIO", self._child.stdin).close()
        try:
            self._child.wait(1)
        except subprocess.TimeoutExpired:
            self._child.kill()
        cast("BinaryIO", self._child.stdout).close()
        return self._child.wait()


class Decoder:
    """Decodes photos in at most `processes` others, each started when it is first needed.

    May be asked from several threads.
    """

    def __init__(self, limits: Limits, processes: int = 2) -> None:
        self.limits = limits
        self._count = processes
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(None)

    @property
    def pids(self) -> list[int]:
        """Of the processes that wait for a photo."""
        return [process.pid for process in list(self._idle.queue) if process is not None]

    def decode(self, data: bytes) -> Photo:
        """Return the upright RGB photo, as `images.decode` describes it.

        Raises NotAPhoto, also where the bytes use up their time or crash the process twice, and
        Transient where the machine is too busy to answer.
        """
        for _ in range(TRIES):
            answer, status = self._ask(data)
            if answer is not None:
                return _photo(answer, data)
            if status == -signal.SIGPROF:
                raise NotAPhoto(f"{len(data)} bytes took over {self.limits.seconds:g} s to decode")
        if status == -signal.SIGKILL:
            raise Transient(
                "the photos' decoder was killed: memory or time of the machine is short"
            )
        cause = signal.Signals(-status).name if status < 0 else f"status {status}"
        raise NotAPhoto(f"{len(data)} bytes crashed the decoder {TRIES} times ({cause})")

    def close(self) -> None:
        """End the processes, once they have answered."""
        for _ in range(self._count):
            process = self._idle.get()
            if process is not None:
                process.end()

    def _ask(self, data: bytes) -> tuple[Answer | None, int]:
        """Return the answer, or None and the status with which the process ended."""
        process = self._idle.get()
        answer, status = None, 0
        try:
            process = process or _Process(self.limits)
            answer = process.ask(data)
            if answer is None:
                status = process.end()
        finally:
            self._idle.put(None if answer is None else process)
        return answer, status


def _started(limits: Limits) -> subprocess.Popen[bytes]:
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OPENBLAS_NUM_THREADS": "1",
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
    }
    module = ("-P", "-m", "stylecore.imaging.decoder_process")
    return subprocess.Popen(
        [sys.executable, *module, msgspec.json.encode(limits).decode()],
        env={name: value for name, value in environment.items() if value},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Pillow's warnings quote the photo
    )


def _photo(answer: Answer, data: bytes) -> Photo:
    if answer.working is None:
        raise NotAPhoto(answer.problem[:500])
    pixels, alpha = _planes(answer.working)
    large, large_alpha = (None, None) if answer.large is None else _planes(answer.large)
    digest = sha256(data).hexdigest()
    notes = tuple(note for note in answer.notes if note in NOTES)
    return Photo(pixels, digest, large, alpha, large_alpha, notes)


def _planes(raster: Raster) -> tuple[Pixels, Bytes | None]:
    """Return the pixels, and their alpha if they have one."""
    levels = np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, -1)
    if levels.shape[2] == 3:
        return levels, None
    return np.ascontiguousarray(levels[..., :3]), np.ascontiguousarray(levels[..., 3])


def _most_bytes(limits: Limits) -> int:
    """Bound the bytes of an honest answer."""
    sides = (max(limits.short_side, 16), max(limits.output_side, 16))
    return LONGEST_PROBLEM + sum(4 * MAX_ASPECT * side**2 for side in sides)
