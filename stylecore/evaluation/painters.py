"""The painters of an evaluation: the generator as served, its teachers, and MicroAST if given.

A painter takes photos at the working size and a style, and returns pictures of their sizes in their
order. The copy of the photo needs no painter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.inputs import pictures_under, read
from stylecore.evaluation.onnx_graph import cpu_session
from stylecore.gan.teachers import STYLES, paint, reference_palettes
from stylecore.imaging.photo import Photo, Pixels, to_floats, to_pixels, working_size
from stylecore.rendering.draw import compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.grid import noise_field

Painter = Callable[[Sequence[Photo], str], list[Pixels]]

OURS, TEACHER, MICROAST, COPY = "generator", "teacher", "microast", "copy"
BATCH = 8


def generator_painter(engine: Engine, seed: int) -> Painter:
    """Make the painter of the generator by the serving path: masks, batches, composition."""

    def painted(photos: Sequence[Photo], style: str) -> list[Pixels]:
        definition = StyleDefinition(weights={style: 1.0}, seed=seed)
        tasks = [task_of(source_of(photo), definition, engine.manifest) for photo in photos]
        finished = {
            id(task): compose(task, planes, engine) for task, planes in draw(engine, tasks, BATCH)
        }
        return [finished[id(task)] for task in tasks]

    return painted


def teacher_painter(styles: Path, seed: int, threads: int) -> Painter:
    """Make the painter of the classical teachers, with reference colours from `styles`."""
    palettes = reference_palettes(styles)

    def painted(photos: Sequence[Photo], style: str) -> list[Pixels]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda photo: one(photo, style), photos))

    def one(photo: Photo, style: str) -> Pixels:
        noise = noise_field(seed, *photo.pixels.shape[:2])
        return to_pixels(paint(style, to_floats(photo.pixels), noise, palettes))

    return painted


def has_teacher(style: str, references: Sequence[str]) -> bool:
    """Tell whether a teacher paints this style, given the styles that have references."""
    kinds = {info.style_id: info.kind for info in STYLES}
    return style in kinds and (kinds[style] == "procedural" or style in references)


def style_transfer_painter(file: Path, styles: Path, threads: int) -> Painter:
    """Make the painter of an ONNX network with inputs content and style, such as MicroAST.

    Inputs and output are [1, 3, H, W] in [0, 1]. Photos take the style's references in rotation.
    Raises SettingsError where the file is no such network.
    """
    if not file.is_file():
        raise SettingsError(f"microast: no ONNX file at {file}")
    session = cpu_session(file, threads)
    names = [given.name for given in session.get_inputs()]
    if len(names) != 2:
        raise SettingsError(f"{file} takes {names}; a content and a style picture are needed")

    def painted(photos: Sequence[Photo], style: str) -> list[Pixels]:
        references = [read(path) for path in pictures_under(styles / style).values()]
        pairs = ((photo, references[n % len(references)]) for n, photo in enumerate(photos))
        return [one(photo, reference) for photo, reference in pairs]

    def one(photo: Photo, reference: Image.Image) -> Pixels:
        height, width = photo.pixels.shape[:2]
        size = working_size(reference.size, min(height, width))
        pictures = (photo.pixels, np.asarray(reference.resize(size, Image.Resampling.LANCZOS)))
        planes = [_planes(to_floats(pixels)) for pixels in pictures]
        render = session.run(None, dict(zip(names, planes, strict=True)))[0][0]
        return to_pixels(render.transpose(1, 2, 0)[:height, :width])

    return painted


def _planes(floats: Floats) -> Floats:
    """Convert [H, W, 3] to [1, 3, H', W'], repeating the edge up to multiples of 8."""
    down, right = (-side % 8 for side in floats.shape[:2])
    padded = np.pad(floats, ((0, down), (0, right), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None])


def full_size(engine: Engine, seed: int) -> Callable[[Sequence[Pixels], str], list[Pixels]]:
    """Render at the photos' own size as served: at the working size, then enlarged."""
    paint = generator_painter(engine, seed)

    def painted(photos: Sequence[Pixels], style: str) -> list[Pixels]:
        return paint(
            [_with_large(pixels, engine.manifest.working_size) for pixels in photos], style
        )

    return painted


def _with_large(pixels: Pixels, short_side: int) -> Photo:
    height, width = pixels.shape[:2]
    size = working_size((width, height), short_side)
    working = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return Photo(np.asarray(working), "", large=pixels)
