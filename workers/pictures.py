"""Pictures for workers and commands: fetched with retries, found in folders, and the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from stylecore.errors import Permanent, Transient
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.decoder_process import Limits
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES, is_video, kind_of
from stylecore.imaging.photo import KINDS_READ
from stylecore.rendering.composition import Provider
from stylecore.rendering.engine import Engine
from stylecore.rendering.matte import MatteNet
from stylecore.storage.fetch import NotFetchable, fetch, version
from stylecore.storage.store import Store
from workers.settings import Settings, StylizeSettings

Loaded = TypeVar("Loaded")

VERSION_SECONDS = 5.0
LAST_TRY_SECONDS = 1.0
"""Time-out of a fetch that starts when its batch's budget is spent."""
PHOTO_KINDS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000"
SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
SYSTEM_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
LIKE_PICTURES = PICTURE_SUFFIXES | {".heic", ".heif", ".mp4", ".mov"}
_HEAD = 1024


class FetchBudget:
    """The time in which all pictures of a batch are fetched.

    A handler that takes longer than PROCESS_SECONDS of workers.kafka.loop counts as hanging, and
    its batch would be retried for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Start the time of a new batch."""
        self._deadline = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds left, below 0 once the time is over."""
        return self._deadline - time.monotonic()


def version_reader(settings: Settings, store: Store) -> Callable[[str], str]:
    """Return a function from address to the version of its bytes (storage.fetch.version).

    It asks without fetching, and raises Permanent or Transient.
    """
    bounds = settings.photos
    return partial(
        version,
        allowed_prefixes=(*bounds.allowed_prefixes, store.uri),
        max_bytes=bounds.max_bytes,
        seconds=min(bounds.fetch_seconds, VERSION_SECONDS),
        networks=bounds.allowed_networks,
    )


def loader(
    settings: Settings,
    store: Store,
    stop: threading.Event,
    read: Callable[[bytes], Loaded],
    budget: FetchBudget,
) -> Callable[[str], Loaded]:
    """Return a function from address to what `read` makes of the bytes there.

    A fetch is tried at least once, and again until the budget is spent. The function raises
    Permanent, and Transient once `stop` is set.
    """
    bounds = settings.photos
    prefixes = (*bounds.allowed_prefixes, store.uri)

    def load(uri: str) -> Loaded:
        pause = 0.2
        while True:
            try:
                data = fetch(
                    uri,
                    allowed_prefixes=prefixes,
                    max_bytes=bounds.max_bytes,
                    seconds=min(bounds.fetch_seconds, max(budget.left, LAST_TRY_SECONDS)),
                    networks=bounds.allowed_networks,
                )
                return read(data)
            except Transient as problem:
                if pause > budget.left:
                    raise NotFetchable(f"given up: {problem}") from problem
                if stop.wait(pause):
                    raise
                pause = min(2 * pause, 10.0)

    return load


def make_decoder(
    settings: Settings, processes: int, short_side: int, output_side: int | None = None
) -> Decoder:
    """Start processes that decode photos within the settings' limits; sides are pixels.

    `output_side` is that of finished pictures unless given.
    """
    limits = Limits(
        max_pixels=settings.photos.max_pixels,
        seconds=settings.photos.decode_seconds,
        short_side=short_side,
        output_side=output_side or settings.stylize.output_side,
    )
    return Decoder(limits, processes)


def load_engine(settings: StylizeSettings) -> Engine:
    """Load and warm up the generator in use. Raises SettingsError and Permanent."""
    return Engine(
        settings.generator,
        provider=settings.provider,
        threads=settings.threads,
        precision=settings.precision,
    )


def load_matte_net(settings: StylizeSettings, provider: Provider = "cpu") -> MatteNet:
    """Load and warm up the matte network in use. Raises SettingsError and Permanent."""
    return MatteNet(settings.matte_network, threads=settings.threads, provider=provider)


class NotTaken(Permanent):
    """A file is neither photo nor clip; the message names it and says why."""


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder but those of the system, in order.

    Left out are hidden files and folders, and what Windows, macOS and storage systems put beside
    photos (SYSTEM_FILES, SYSTEM_FOLDERS), but not a hidden file with a picture's suffix, as
    `._mug.jpg`, which someone may miss.
    """
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_dir() or any(_is_system_folder(part) for part in inner.parts[:-1]):
            continue
        hidden = path.name.startswith(".") and path.suffix.lower() not in LIKE_PICTURES
        if not hidden and path.name.lower() not in SYSTEM_FILES:
            yield path


def check_kind(path: Path) -> None:
    """Raises NotTaken unless a file begins like a photo or a video."""
    if path.exists() and not path.is_file():
        raise NotTaken(f"{path}: no regular file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as problem:
        raise NotTaken(f"cannot read {path}: {problem.strerror}") from problem
    kind = kind_of(head)
    if kind not in KINDS_READ and not is_video(head):
        raise NotTaken(f"{path}: this is {kind}, no photo ({PHOTO_KINDS}) or clip")


def _is_system_folder(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS
