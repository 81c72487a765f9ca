"""Names of file kinds, from a file's first bytes: for errors, and to tell clips from photos."""

from __future__ import annotations

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2"}
)
"""Of the pictures that are read."""
_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or a camera's raw file"),
    (b"MM\x00*", "a TIFF or a camera's raw file"),
    (b"II+\x00", "a BigTIFF"),
    (b"MM\x00+", "a BigTIFF"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x01\x00", "an icon (ICO)"),
    (b"\x00\x05\x16\x07", "a macOS resource fork (AppleDouble), not the picture itself"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska video"),
    (b"\x00\x00\x01\xba", "an MPEG video"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"gimp xcf", "a GIMP document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"ID3", "an MP3"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
)
_RIFF = {b"WEBP": "a WebP", b"AVI ": "an AVI video", b"WAVE": "a WAV sound"}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif")
_HEAD = 1024


def kind_of(data: bytes) -> str:
    """What the bytes look like, with an article: 'a PDF', 'an HTML page', 'an unknown kind'."""
    head = data[:_HEAD]
    if not head.strip(b"\0"):
        return "nothing but zero bytes" if head else "an empty file"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    return _text(head)


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is an MP4 or QuickTime video."""
    return (head[4:8] == b"ftyp" and "video" in _iso_media(head)) or head[4:8] in (b"moov", b"mdat")


def _iso_media(head: bytes) -> str:
    """By the brands of an ISO base media file: the major one, then the compatible ones."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    if b"avif" in brands or b"avis" in brands:
        return "an AVIF"
    if any(brand in _HEIC for brand in brands):
        return "a HEIC picture"
    if b"mif1" in brands or b"msf1" in brands:
        return "a HEIF picture"
    return "a camera's raw file" if b"crx " in brands else "an MP4 or QuickTime video"


def _text(head: bytes) -> str:
    start = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in start:
        return "an SVG drawing"
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        return "an HTML page"
    if start.startswith("<"):
        return "an XML or HTML text"
    if start.startswith(("{", "[")):
        return "a JSON text"
    printable = sum(character.isprintable() or character in "\r\n\t" for character in start)
    return "a text" if start and printable > 0.95 * len(start) else "an unknown kind"
