"""Previews of the style mixer: the generator in this process, a bounded number a minute.

The generator is loaded at the first preview, so that an instance that shows pages only never loads
it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from PIL import Image

from schemas.events import StyleDefinition
from stylecore.rendering.draw import Source, at_working_size, compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.style import Reference, ReferenceEncoder, load_encoder, reference_of
from workers.pictures import load_engine
from workers.settings import Settings
from workers.web.pictures import Pictures, encoded

KEPT = 16
"""Products and references that are kept ready to draw."""


class Tools(NamedTuple):
    """What a preview is drawn with."""

    engine: Engine
    encoder: ReferenceEncoder | None


class Mixer:
    """Draws previews; may be asked from several threads."""

    def __init__(
        self, settings: Settings, pictures: Pictures, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings.stylize
        self._pictures = pictures
        self._lock = threading.Lock()
        self._tools: Tools | None = None
        self._source = lru_cache(maxsize=KEPT)(self._load_source)
        self._reference = lru_cache(maxsize=KEPT)(self._load_reference)
        self.allowance = Allowance(settings.web.previews_per_minute, clock)

    def preview(self, photo_uri: str, definition: StyleDefinition, media_type: str) -> bytes:
        """The product as the style draws it, at the generator's working size.

        Raises Permanent for a style that cannot be drawn, and Transient.
        """
        with self._lock:
            tools = self._tools = self._tools or self._load()
            uri = definition.reference_uri
            reference = None if uri is None else self._reference(uri)
            task = task_of(self._source(photo_uri), definition, tools.engine.manifest, reference)
            ((_, drawn),) = draw(tools.engine, [task], 1)
            pixels = at_working_size(compose(task, drawn, tools.engine.manifest), task.source)
        return encoded(Image.fromarray(pixels), media_type)

    def _load(self) -> Tools:
        engine = load_engine(self._settings)
        return Tools(engine, load_encoder(self._settings.generator, engine.manifest))

    def _load_source(self, uri: str) -> Source:
        return source_of(self._pictures.photo(uri))

    def _load_reference(self, uri: str) -> Reference:
        encoder = self._tools.encoder if self._tools else None
        return reference_of(self._pictures.photo(uri), encoder)


class Allowance:
    """A token bucket: so many a minute, and as many at once at most as come in ten seconds."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_second = per_minute / 60
        self._most = max(1.0, per_minute / 6)
        self._clock = clock
        self._left = self._most
        self._at = clock()

    def take(self) -> bool:
        """Whether one more may be had now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
