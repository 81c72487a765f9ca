"""Pictures that someone made to hurt: small files that promise, hide or repeat too much."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MEGABYTE = 1_000_000


def file_of(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A grey picture with a dark half."""
    picture = Image.new("L", (width, height), 200)
    picture.paste(30, (0, 0, width // 2, height))
    if mode == "LAB":
        return ImageCms.profileToProfile(
            picture.convert("RGB"),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
    return picture.convert(mode)


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG with a true checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *, colour: int = 2, depth: int = 8, data: bytes = b"") -> bytes:
    """A PNG that says it is so large, with these bytes as its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pixel_bomb(side: int = 20_000) -> bytes:
    """400 million pixels in half a megabyte, all of them there."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png(side, side, colour=0, depth=1, data=data)


def webp_canvas_bomb() -> bytes:
    """A WebP whose canvas is 16,384 pixels square around a picture of one."""
    small = file_of(Image.new("RGB", (1, 1)), "WEBP")[12:]
    canvas = struct.pack("<I", 0x02) + (16_383).to_bytes(3, "little") * 2
    frame = b"\0" * 6 + (0).to_bytes(3, "little") * 2 + (10).to_bytes(3, "little") + b"\0" + small
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"VP8X", canvas), (b"ANIM", b"\0" * 6), (b"ANMF", frame))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def gif_with_frames(count: int = 3000) -> bytes:
    """One small frame, then many."""
    frame = file_of(plain(), "GIF")
    body = frame[frame.index(b"\x2c") : -1]
    return frame[: frame.index(b"\x2c")] + body * count + b"\x3b"


def text_bomb(kind: bytes = b"zTXt", chunks: int = 20, size: int = 50 * MEGABYTE) -> bytes:
    """Compressed text chunks that unpack to a gigabyte."""
    packed = zlib.compress(b"\0" * size, 9)
    text = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"profile\0\0"}[kind]
    whole = file_of(plain())
    at = whole.index(b"IDAT") - 4
    return whole[:at] + chunk(kind, text + packed) * chunks + whole[at:]


def jpeg_with_large_profile() -> bytes:
    """Ten megabytes that call themselves a colour profile."""
    return file_of(plain(), "JPEG", icc_profile=bytes(10 * MEGABYTE))


def jpeg_with_exif(body: bytes) -> bytes:
    """A JPEG with these bytes as its EXIF block."""
    whole = file_of(plain(), "JPEG")
    segment = b"Exif\0\0" + body
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]


def exif_loop() -> bytes:
    """An EXIF directory whose sub-directories and successor are itself."""
    entries = [(0x0112, 3, 1, 6 << 16), (0x8769, 4, 1, 8), (0x8825, 4, 1, 8)]
    packed = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return jpeg_with_exif(b"MM\0*" + struct.pack(">IH", 8, len(entries)) + packed + b"\0\0\0\x08")


def exif_of_four_gigabytes() -> bytes:
    """An EXIF entry that promises 2^32 - 1 values."""
    entry = struct.pack(">HHII", 0x010E, 2, 0xFFFFFFFF, 8)
    return jpeg_with_exif(b"MM\0*" + struct.pack(">IH", 8, 1) + entry + b"\0\0\0\0")


def endless_scans(side: int = 7000, scans: int = 20_000) -> bytes:
    """A progressive JPEG that goes over its 49 million pixels again and again; 1 MB or so."""
    whole = file_of(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    starts = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    scan = whole[starts[-1] : whole.rindex(b"\xff\xd9")]
    return whole[: starts[-1]] + scan * max(1, scans * 40 // len(scan)) + b"\xff\xd9"


def tiff_with_huge_tiles() -> bytes:
    """A TIFF of 64 pixels square in one tile of 65,520 pixels square."""
    tags = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 277: 1, 322: 65_520, 323: 65_520, 324: 8}
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted({**tags, 325: 64}.items())
    )
    directory = struct.pack("<H", len(tags) + 1) + entries + b"\0\0\0\0"
    return b"II*\0" + struct.pack("<I", 8 + 64) + bytes(64) + directory


def polyglots(payload: bytes = b"<script>alert('payload')</script>") -> dict[str, bytes]:
    """Pictures that are something else as well: a page, an archive, a script."""
    archive = b"PK\x03\x04" + payload + b"PK\x05\x06" + bytes(18)
    comment = b"\xff\xfe" + struct.pack(">H", len(payload) + 2) + payload
    jpeg, whole = file_of(plain(), "JPEG"), file_of(plain())
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", payload.decode())
    return {
        "a JPEG and an archive": jpeg + archive,
        "a JPEG with a script as its comment": jpeg[:2] + comment + jpeg[2:],
        "a PNG and a page": whole + payload,
        "a PNG with a script as its text": file_of(plain(), pnginfo=note),
        "a GIF and a script": file_of(plain(), "GIF") + b"*/=1;" + payload,
    }


def in_mode(mode: str) -> bytes:
    """A picture with samples that photos seldom have."""
    if mode == "I;16":
        samples = np.where(np.arange(64) < 32, 30, 200).astype(np.uint16) * 257
        return file_of(Image.fromarray(np.tile(samples, (48, 1))))
    if mode == "CMYK":
        return file_of(plain(mode="CMYK"), "JPEG")
    return file_of(plain(mode=mode), "PNG" if mode in {"1", "P", "LA", "RGBA"} else "TIFF")
