"""Pictures to draw and how they are drawn: sources, tasks, batches of one shape, composition.

Whether a render is good is the gate's business, and where it is kept the store's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from schemas.events import StyleDefinition
from stylecore.background import Plane, product_mask
from stylecore.engine import Batch, Engine
from stylecore.images import Floats, Photo, Pixels, to_floats, to_pixels
from stylecore.manifest import GeneratorManifest
from stylecore.noise import noise_field
from stylecore.sidecar import render_key, style_sha256
from stylecore.styles import Weights, ground_colour, style_weights


@dataclass(frozen=True)
class Source:
    """A photo in the network's terms, and where its product is."""

    pixels: Floats
    mask: Plane
    sha256: str


@dataclass(frozen=True)
class Task:
    """One picture to draw; its key names it before it exists."""

    source: Source
    weights: Weights
    strength: float
    seed: int
    key: str


def source_of(photo: Photo) -> Source:
    """The photo with its product mask."""
    floats = to_floats(photo.pixels)
    return Source(floats, product_mask(floats), photo.sha256)


def task_of(source: Source, definition: StyleDefinition, manifest: GeneratorManifest) -> Task:
    """The picture of a source in a style. Raises UnknownStyle."""
    weights = style_weights(definition, manifest)
    key = render_key(
        source=source.sha256,
        style=style_sha256(definition),
        model=manifest.version,
        size=manifest.working_size,
        seed=definition.seed,
    )
    return Task(source, weights, definition.strength, definition.seed, key)


def draw(engine: Engine, tasks: Iterable[Task], batch_images: int) -> Iterator[tuple[Task, Floats]]:
    """Each task with what the network drew for it, [H, W, 3]; pictures of one shape together."""
    for batch in batches_by_shape(tasks, batch_images):
        yield from zip(batch, _render(engine, batch), strict=True)


def batches_by_shape(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """The tasks in lists of at most `size` pictures of one shape."""
    shapes: dict[tuple[int, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        shapes[task.source.pixels.shape].append(task)
    for alike in shapes.values():
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def compose(task: Task, render: Floats, manifest: GeneratorManifest) -> Pixels:
    """The finished picture: the render, on even ground where the photo's is plain.

    Strength 0 gives the photo back.
    """
    photo, mask = task.source.pixels, task.source.mask[..., None]
    ground = ground_colour(photo, task.weights, manifest)
    whole = mask * render + (1 - mask) * ground
    return to_pixels(photo + np.float32(task.strength) * (whole - photo))


def _render(engine: Engine, batch: Sequence[Task]) -> Batch:
    height, width = batch[0].source.pixels.shape[:2]
    return engine.render(
        np.stack([task.source.pixels for task in batch]),
        np.stack([task.weights for task in batch]),
        np.stack([_noise(task.seed, height, width) for task in batch]),
    )


@lru_cache(maxsize=32)
def _noise(seed: int, height: int, width: int) -> Batch:
    return noise_field(seed, height, width)
