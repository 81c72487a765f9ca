"""Mutants of the sample photos through the decoder: each is a photo or refused, soon, in bounds."""

from __future__ import annotations

import io
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from colour_profiles import cmyk_profile, rgb_profile
from hostile.mutants import mutant
from PIL import Image

from stylecore.imaging.decoder import Decoder
from stylecore.imaging.decoder_process import Limits
from stylecore.imaging.photo import NotAPhoto

LIMITS = Limits(max_pixels=50_000_000, seconds=5, short_side=256, output_side=1024)
"""What a worker has by default."""
SAMPLES = Path(__file__).parents[2] / "deploy" / "samples" / "photos"
THREADS = 2


@cache
def seeds() -> tuple[bytes, ...]:
    """Sample photos as they are, and small ones in every format, with EXIF and a profile."""
    photos = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.jpg"))]
    return (*photos, *(again for photo in photos[::6] for again in _in_all_formats(photo)))


def _in_all_formats(photo: bytes) -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    small = Image.open(io.BytesIO(photo)).convert("RGB").resize((120, 90))
    both: dict[str, Any] = {"exif": exif, "icc_profile": bytes(300)}
    profiled: dict[str, Any] = {"icc_profile": rgb_profile("prophoto")}
    kinds: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("JPEG", small, {"progressive": True, **both}),
        ("JPEG", small.convert("CMYK"), both),
        ("PNG", small, both),
        ("PNG", small.convert("LA"), {}),
        ("WEBP", small, both),
        ("WEBP", small, {"save_all": True, "append_images": [small.rotate(90)], "lossless": True}),
        ("GIF", small, {"save_all": True, "append_images": [small.rotate(90)]}),
        ("BMP", small, {}),
        ("TIFF", small, {"compression": "tiff_lzw", **both}),
        ("TIFF", small, {"compression": "jpeg"}),
        ("TIFF", small.convert("I;16"), {}),
        ("AVIF", small, profiled),
        ("AVIF", small, {"save_all": True, "append_images": [small.rotate(90)]}),
        ("JPEG2000", small, {}),
        ("JPEG", small, profiled),
        ("PNG", small.convert("P"), profiled),
        ("JPEG", small.convert("CMYK"), {"icc_profile": cmyk_profile()}),
    ]
    return [_saved(picture, kind, options) for kind, picture, options in kinds]


def _saved(picture: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def fuzz_pictures(count: int, first: int = 0) -> dict[str, Any]:
    """Decode mutants by number; what came of them, the slowest and the greatest memory.

    Raises whatever else than NotAPhoto the decoder raises.
    """
    found: Counter[str] = Counter()
    slowest = 0.0
    memory = 0
    with closing(Decoder(LIMITS, THREADS)) as decoder, ThreadPoolExecutor(THREADS) as executor:

        def decode(number: int) -> tuple[str, float]:
            data = mutant(seeds(), number)
            started = time.monotonic()
            return _outcome(decoder, data), time.monotonic() - started

        for outcome, seconds in executor.map(decode, range(first, first + count)):
            found[outcome] += 1
            slowest = max(slowest, seconds)
            if sum(found.values()) % 50 == 0:
                memory = max([memory, *map(resident_bytes, decoder.pids)])
    return {
        "mutants": count,
        **{name: found[name] for name in ("photo", "refused", "crashed", "slow")},
        "slowest_seconds": round(slowest, 2),
        "memory_megabytes": round(memory / 1e6),
    }


def resident_bytes(pid: int) -> int:
    """Of a process; 0 where it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _outcome(decoder: Decoder, data: bytes) -> str:
    try:
        photo = decoder.decode(data)
    except NotAPhoto as problem:
        text = str(problem)
        return "crashed" if "crashed" in text else "slow" if "took over" in text else "refused"
    assert photo.pixels.shape[2] == 3
    return "photo"
