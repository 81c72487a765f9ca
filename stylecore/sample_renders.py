"""A photo as it is, and drawn in styles as the product does, for training and for measuring.

Every step is the one that serves: decoding, mask, engine, composition. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.catalog import StyleDefinition
from stylecore.drawing import compose, draw, source_of, task_of
from stylecore.engine import Engine
from stylecore.imaging.photo import Pixels, decode

MAX_PIXELS = 50_000_000
BATCH_IMAGES = 4


@dataclass(frozen=True)
class SampleRenders:
    """A photo at the generator's working size, and style id to render, all [H, W, 3] of 0-255."""

    photo: Pixels
    renders: dict[str, Pixels]


def sample_renders(
    engine: Engine, photo: Path, styles: Sequence[str], seed: int = 0
) -> SampleRenders:
    """Draw one photo. Raises NotAPhoto, UnknownStyle."""
    side = engine.manifest.working_size
    decoded = decode(photo.read_bytes(), short_side=side, max_pixels=MAX_PIXELS)
    source = source_of(decoded)
    tasks = [
        task_of(source, StyleDefinition(weights={style: 1.0}, seed=seed), engine.manifest)
        for style in styles
    ]
    names = {task.key: style for task, style in zip(tasks, styles, strict=True)}
    drawn = draw(engine, tasks, BATCH_IMAGES)
    renders = {names[task.key]: compose(task, render, engine.manifest) for task, render in drawn}
    return SampleRenders(decoded.pixels, renders)
