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

Event = TypeVar("Event", bound=msgspec.Struct)


def texts(form: FormData) -> dict[str, str]:
    """The fields that are no files."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def marked(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The fields of a prefix, without it."""
    return {
        name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)
    }


def checked(fields: dict[str, Any], event: type[Event]) -> Event:
    """The event of these fields. Raises WrongInput with what is wrong."""
    try:
        found = decode(event, msgspec.json.encode(fields))
        check_times(found, datetime.now(UTC))
    except InvalidEvent as problem:
        raise WrongInput("wrong.detail", detail=problem) from problem
    return found


def uploads(site: Site) -> str:
    """What every uploaded picture's address begins with."""
    return f"{Store(site.settings.store.uri).uri}/{FOLDER}/"


async def stored(
    site: Site, form: FormData, field: str, look: Callable[[bytes], object]
) -> str | None:
    """The address of a field's picture once `look` takes it; None where none came along.

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
        await asyncio.to_thread(look, data)
    except (NotAPhoto, Unsettable) as problem:
        raise WrongInput("wrong.detail", detail=problem) from problem
    store = Store(site.settings.store.uri)
    uri, _ = await asyncio.to_thread(store.put_blob, FOLDER, data, _suffix(data))
    return uri


def _suffix(data: bytes) -> str:
    """By the first bytes; for people alone, readers look at the bytes themselves."""
    return next((end for start, end in BEGINNINGS.items() if data.startswith(start)), ".tiff")
