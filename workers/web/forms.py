"""What forms send: their texts, uploaded pictures, and the event that results.

An upload is decoded before it is stored under `uploads/`, by its sha256.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import FormData, UploadFile

from schemas.codec import InvalidEvent, decode
from stylecore.errors import SettingsError
from stylecore.imaging.palette import parse_palette
from stylecore.imaging.photo import NotAPhoto
from stylecore.poster.canvas import Unsettable
from stylecore.storage.store import Store
from stylecore.times import check_times
from workers.web.site import Site
from workers.web.templates import WrongInput

FOLDER = "uploads"
BEGINNINGS = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
}
"""Suffixes by the first bytes; for people alone, readers look at the bytes themselves."""

Event = TypeVar("Event", bound=msgspec.Struct)


def texts(form: FormData) -> dict[str, str]:
    """Return the fields that are no files."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def with_prefix(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the fields whose names begin with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)
    }


def checked(fields: dict[str, Any], event: type[Event]) -> Event:
    """Return the event of these fields. Raises WrongInput with what is wrong."""
    try:
        found = decode(event, msgspec.json.encode(fields))
        check_times(found, datetime.now(UTC))
    except InvalidEvent as problem:
        raise WrongInput("wrong.detail", detail=problem) from problem
    return found


def palette_of(form: Mapping[str, str]) -> list[str] | None:
    """Return the colours of the field `palette`, None without any. Raises WrongInput."""
    if not (text := form.get("palette", "").strip()):
        return None
    try:
        return parse_palette(text)
    except SettingsError as problem:
        raise WrongInput("wrong.detail", detail=problem) from problem


def uploads(site: Site) -> str:
    """Return what every uploaded picture's address begins with."""
    return f"{Store(site.settings.store.uri).uri}/{FOLDER}/"


async def stored(
    site: Site, form: FormData, field: str, read: Callable[[bytes], object]
) -> str | None:
    """Store a field's picture if `read` can read it; return its address, None without a file.

    Raises WrongInput, Transient.
    """
    file = form.get(field)
    if not isinstance(file, UploadFile) or not file.filename:
        return None
    limit = site.settings.photos.max_bytes
    data = await file.read(limit + 1)
    if len(data) > limit:
        raise WrongInput("wrong.large", limit=limit)
    try:
        await asyncio.to_thread(read, data)
    except (NotAPhoto, Unsettable) as problem:
        raise WrongInput("wrong.detail", detail=problem) from problem
    suffix = next((end for start, end in BEGINNINGS.items() if data.startswith(start)), ".tiff")
    store = Store(site.settings.store.uri)
    uri, _ = await asyncio.to_thread(store.put_blob, FOLDER, data, suffix)
    return uri
