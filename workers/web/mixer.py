"""Previews of the style mixer: the generator in this process, a bounded number a minute.

The generator is loaded at the first preview, so that an instance that shows pages only never loads
it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property, lru_cache

from PIL import Image

from schemas.events import StyleDefinition
from stylecore.rendering.draw import (
    Source,
    Staging,
    at_working_size,
    compose,
    draw,
    source_for,
    source_of,
    staging_of,
    task_of,
)
from stylecore.rendering.engine import Engine
from stylecore.rendering.matte import MatteNet, cut_out
from stylecore.rendering.style import ReferenceEncoder, load_encoder, reference_of
from workers.pictures import load_engine, load_matte_net
from workers.settings import Settings
from workers.web.pictures import Pictures, encoded

KEPT = 16
"""Products and references that are kept ready to draw."""


class Mixer:
    """Draws previews; may be called from several threads."""

    def __init__(self, settings: Settings, pictures: Pictures) -> None:
        self._settings = settings.stylize
        self._lock = threading.Lock()
        self._pictures = pictures
        self._source = lru_cache(KEPT)(self._load_source)
        self._reference = lru_cache(KEPT)(
            lambda uri: reference_of(pictures.photo(uri), self._encoder)
        )
        self.allowance = Allowance(settings.web.previews_per_minute, time.monotonic)

    @cached_property
    def _engine(self) -> Engine:
        return load_engine(self._settings)

    @cached_property
    def _encoder(self) -> ReferenceEncoder | None:
        return load_encoder(self._settings.generator, self._engine.manifest)

    @cached_property
    def _matte_net(self) -> MatteNet:
        return load_matte_net(self._settings)

    def _load_source(self, uri: str, staging: Staging | None) -> Source:
        """Return the photo, with its product cut out where a staging needs it."""
        photo = self._pictures.photo(uri)
        if staging is None:
            return source_of(photo)
        return source_for(cut_out(photo, self._matte_net), staging)

    def preview(self, photo_uri: str, definition: StyleDefinition, media_type: str) -> bytes:
        """Return the product as the style draws it, at the generator's working size.

        Raises Permanent for a style that cannot be drawn, and Transient.
        """
        with self._lock:
            manifest, uri = self._engine.manifest, definition.reference_uri
            reference = None if uri is None else self._reference(uri)
            source = self._source(photo_uri, staging_of(definition))
            task = task_of(source, definition, manifest, reference)
            ((_, drawn),) = draw(self._engine, [task], 1)
            pixels = at_working_size(compose(task, drawn, self._engine), task.source)
        return encoded(Image.fromarray(pixels), media_type)


class Allowance:
    """A token bucket: `per_minute`, and at once at most as many as fall due in ten seconds."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_second = per_minute / 60
        self._most = max(1.0, per_minute / 6)
        self._clock = clock
        self._left = self._most
        self._at = clock()

    def take(self) -> bool:
        """Take one if one is left; return whether it was."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
