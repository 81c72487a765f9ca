"""The renderer's engine, as the settings ask for it."""

from __future__ import annotations

from stylecore.rendering.engine import Engine
from workers.settings import StylizeSettings


def load_engine(settings: StylizeSettings) -> Engine:
    """The generator in use, loaded and warm. Raises SettingsError and Permanent as Engine does."""
    return Engine(
        settings.generator,
        provider=settings.provider,
        threads=settings.threads,
        precision=settings.precision,
    )
