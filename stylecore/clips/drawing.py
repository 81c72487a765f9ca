"""Frames drawn in styles, each picture settled on the one before it.

The styles of a frame are drawn together; of the past only the last picture of each is kept. The
gate, and what becomes of a picture, are the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from stylecore.arrays import Floats
from stylecore.clips.scene import SceneFrame, scene_frames
from stylecore.clips.steady import settled
from stylecore.drawing import Source, Task, compose, draw
from stylecore.engine import Engine
from stylecore.imaging.photo import Photo, Pixels, to_floats, to_pixels

TasksOf = Callable[[Source], Mapping[str, Task]]
"""What is to be drawn of a frame, by the style's name; a style that is left out is over."""


@dataclass(frozen=True)
class DrawnFrame:
    """A frame's source and its finished pictures, by style."""

    source: Source
    begins: bool
    """Whether a scene begins here."""
    pictures: Mapping[str, Pixels]


def draw_clip(
    engine: Engine, photos: Iterable[Photo], tasks_of: TasksOf, batch_images: int
) -> Iterator[DrawnFrame]:
    """The frames of a clip, drawn; as many as there are photos, and in their order."""
    shown: dict[str, Floats] = {}
    for scene in scene_frames(photos):
        tasks = tasks_of(scene.source)
        composed = _composed(engine, tasks, batch_images)
        shown = {name: _after(scene, shown, name, new) for name, new in composed.items()}
        pictures = {name: to_pixels(picture) for name, picture in shown.items()}
        yield DrawnFrame(scene.source, scene.begins, pictures)


def _composed(engine: Engine, tasks: Mapping[str, Task], batch_images: int) -> dict[str, Floats]:
    names = {id(task): name for name, task in tasks.items()}
    return {
        names[id(task)]: to_floats(compose(task, render, engine.manifest))
        for task, render in draw(engine, tasks.values(), batch_images)
    }


def _after(scene: SceneFrame, shown: Mapping[str, Floats], name: str, new: Floats) -> Floats:
    if scene.begins or name not in shown:
        return new
    return settled(scene.steady, shown[name], new)
