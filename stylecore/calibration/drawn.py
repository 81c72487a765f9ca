"""Photos drawn in every style by the path that serves, kept in memory to be measured and broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.events import StyleDefinition
from stylecore.drawing import Source, Task, compose, draw, source_of, task_of
from stylecore.engine import Engine
from stylecore.errors import SettingsError
from stylecore.evaluation.pictures import spread
from stylecore.imaging.photo import Pixels, decode
from stylecore.manifest import GeneratorManifest

MAX_PIXELS, BATCH = 50_000_000, 8

Key = tuple[str, str]
"""Photo's name and style."""


@dataclass(frozen=True)
class Drawn:
    """Photos and their renders at the working size; every photo has every style."""

    stems: tuple[str, ...]
    styles: tuple[str, ...]
    tasks: Mapping[Key, Task]
    pictures: Mapping[Key, Pixels]
    manifest: GeneratorManifest
    """Of what drew them."""

    def source(self, stem: str) -> Source:
        """A photo."""
        return self.tasks[stem, self.styles[0]].source


def photos_of(folders: Sequence[Path], limit: int) -> dict[str, Path]:
    """Name to file of about `limit` photos, as many of each folder, at even distances.

    Raises Permanent where a folder has fewer than three, or two photos share a name.
    """
    share = max(3, limit // len(folders))
    chosen = [path for folder in folders for path in spread([folder], share).values()]
    return spread_names(chosen)


def spread_names(paths: Sequence[Path]) -> dict[str, Path]:
    """The paths by folder and stem, such as 'mugs/mug-harbour'."""
    return {f"{path.parent.name}/{path.stem}": path for path in paths}


def draw_all(
    engine: Engine,
    photos: Mapping[str, Path],
    styles: Sequence[str],
    seed: int,
    progress: Callable[[str], None],
) -> Drawn:
    """Draw every photo in every one of the styles, two at least. Raises NotAPhoto, UnknownStyle."""
    if len(styles) < 2:
        raise SettingsError("a style is broken by showing another one: give two styles or more")
    side = engine.manifest.working_size
    tasks: dict[Key, Task] = {}
    pictures: dict[Key, Pixels] = {}
    for number, (stem, path) in enumerate(photos.items(), start=1):
        photo = decode(path.read_bytes(), short_side=side, max_pixels=MAX_PIXELS)
        mine = _tasks(engine, source_of(photo), styles, seed)
        tasks |= {(stem, style): task for style, task in mine.items()}
        names = {id(task): style for style, task in mine.items()}
        for task, render in draw(engine, mine.values(), BATCH):
            pictures[stem, names[id(task)]] = compose(task, render, engine.manifest)
        if number % 8 == 0:
            progress(f"{number} of {len(photos)} photos drawn")
    return Drawn(tuple(photos), tuple(styles), tasks, pictures, engine.manifest)


def _tasks(engine: Engine, source: Source, styles: Sequence[str], seed: int) -> dict[str, Task]:
    return {
        style: task_of(source, StyleDefinition(weights={style: 1.0}, seed=seed), engine.manifest)
        for style in styles
    }
