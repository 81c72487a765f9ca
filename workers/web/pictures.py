"""Pictures for browsers: scaled, in the smallest format that the browser accepts, cached.

Only addresses from the tables are fetched, and only from the store and the allowed prefixes.
"""

from __future__ import annotations

import io
from functools import lru_cache
from hashlib import blake2b

from PIL import Image

from stylecore.imaging.decoder import Decoder
from stylecore.imaging.photo import Photo, working_size
from stylecore.storage.fetch import fetch
from stylecore.storage.store import Store
from workers.settings import Settings

WIDTHS = (160, 320, 480, 640, 960)
"""Pixels of the shorter side that can be asked for; never more than the picture has."""
FETCH_SECONDS = 5.0
"""A host that does not answer must not keep other pictures waiting for long."""
KEPT = 3000
"""Made pictures that are kept, of 5 to 60 kB each."""
FORMATS = {
    "image/avif": ("AVIF", {"quality": 62, "speed": 8}),
    "image/webp": ("WEBP", {"quality": 80, "method": 3}),
    "image/jpeg": ("JPEG", {"quality": 85}),
}
"""Media type to Pillow's name and options, the smallest first."""


class Pictures:
    """Makes and keeps the pictures of the pages; may be called from several threads."""

    def __init__(self, settings: Settings, decoder: Decoder) -> None:
        self._decoder = decoder
        self._bounds = settings.photos
        self._prefixes = (*settings.photos.allowed_prefixes, Store(settings.store.uri).uri)
        self.small = lru_cache(maxsize=KEPT)(self._small)

    def photo(self, uri: str) -> Photo:
        """Fetch and decode a photo or picture. Raises Permanent or Transient."""
        return self.decoded(self.file(uri))

    def file(self, uri: str) -> bytes:
        """Fetch the bytes at an address. Raises Permanent or Transient."""
        return fetch(
            uri,
            allowed_prefixes=self._prefixes,
            max_bytes=self._bounds.max_bytes,
            seconds=min(self._bounds.fetch_seconds, FETCH_SECONDS),
            networks=self._bounds.allowed_networks,
        )

    def decoded(self, data: bytes) -> Photo:
        """Decode a photo. Raises NotAPhoto or Transient."""
        return self._decoder.decode(data)

    def _small(self, uri: str, width: int, media_type: str, version: str = "") -> bytes:
        """Return a picture with a short side of at most `width`, cached by its version.

        Raises Permanent or Transient.
        """
        del version
        photo = self.photo(uri)
        picture = Image.fromarray(photo.pixels if photo.large is None else photo.large)
        if width < min(picture.size):
            size = working_size(picture.size, width)
            picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        return encoded(picture, media_type)


def encoded(picture: Image.Image, media_type: str) -> bytes:
    """Encode a picture in one of FORMATS."""
    name, options = FORMATS[media_type]
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def media_type_for(accept: str) -> str:
    """Return the smallest format that an Accept header names; JPEG where it names none."""
    named = {part.partition(";")[0].strip() for part in accept.split(",")}
    return next((media_type for media_type in FORMATS if media_type in named), "image/jpeg")


def width_for(wanted: str) -> int:
    """Return the least of WIDTHS that is enough for what is wanted; 320 for no number."""
    pixels = int(wanted) if wanted.isdecimal() and len(wanted) < 6 else 320
    return next((width for width in WIDTHS if width >= pixels), WIDTHS[-1])


def version_of(uri: str) -> str:
    """Return a version that changes with the address, so that browsers keep it for good."""
    return blake2b(uri.encode(), digest_size=6).hexdigest()
