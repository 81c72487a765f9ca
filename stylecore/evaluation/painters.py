"""Who paints: the generator as it serves, the teachers it learned from, MicroAST where it is given.

Each painter takes photos at the working size and a style, and gives pictures of their sizes, in
their order. Copying the photo needs no painter. What becomes of the pictures is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from schemas.events import StyleDefinition
from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.inputs import pictures_under, read
from stylecore.gan.teachers import STYLES, paint, reference_palettes
from stylecore.imaging.noise import noise_field
from stylecore.imaging.photo import Photo, Pixels, to_floats, to_pixels, working_size
from stylecore.rendering.draw import compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine

Painter = Callable[[Sequence[Photo], str], list[Pixels]]

OURS, TEACHER, MICROAST, COPY = "generator", "teacher", "microast", "copy"
BATCH = 8


def served(engine: Engine, seed: int) -> Painter:
    """The generator by the path that serves: masks, batches of one shape, composition."""

    def painted(photos: Sequence[Photo], style: str) -> list[Pixels]:
        definition = StyleDefinition(weights={style: 1.0}, seed=seed)
        tasks = [task_of(source_of(photo), definition, engine.manifest) for photo in photos]
        finished = {
            id(task): compose(task, planes, engine.manifest)
            for task, planes in draw(engine, tasks, BATCH)
        }
        return [finished[id(task)] for task in tasks]

    return painted


def taught(styles: Path, seed: int, threads: int) -> Painter:
    """The classical teachers, the colours of their references from `styles`."""
    palettes = reference_palettes(styles)

    def painted(photos: Sequence[Photo], style: str) -> list[Pixels]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda photo: one(photo, style), photos))

    def one(photo: Photo, style: str) -> Pixels:
        noise = noise_field(seed, *photo.pixels.shape[:2])
        return to_pixels(paint(style, to_floats(photo.pixels), noise, palettes))

    return painted


def has_teacher(style: str, references: Sequence[str]) -> bool:
    """Whether a teacher paints this style with the palettes of these references."""
    kinds = {info.style_id: info.kind for info in STYLES}
    return style in kinds and (kinds[style] == "procedural" or style in references)


def two_pictures(file: Path, styles: Path, threads: int) -> Painter:
    """A network of two pictures, content and style in that order, such as MicroAST as ONNX.

    Both are [1, 3, H, W] in 0-1, as is its output. Each photo is drawn like one of the style's
    references, in turn. Raises SettingsError where the file is no such network.
    """
    session = _session(file, threads)
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
        return to_pixels(_of_size(render.transpose(1, 2, 0), height, width))

    return painted


def _session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    if not file.is_file():
        raise SettingsError(f"microast: no ONNX file at {file}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _planes(floats: Floats) -> Floats:
    """[H, W, 3] to [1, 3, H', W'], the edge repeated up to multiples of 8."""
    down, right = (-side % 8 for side in floats.shape[:2])
    padded = np.pad(floats, ((0, down), (0, right), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None])


def _of_size(render: Floats, height: int, width: int) -> Floats:
    return render[:height, :width]


def full_size(engine: Engine, seed: int) -> Callable[[Sequence[Pixels], str], list[Pixels]]:
    """The generator at the photos' own size, as it serves: drawn at the working size, enlarged."""
    paint = served(engine, seed)

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
