"""Moving pictures for `stylecast render`: every frame is drawn, one clip for each style.

The gate judges the first full frame and every 24th after it; a style that it rejects is abandoned,
and nothing of it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from itertools import islice, tee
from pathlib import Path

import typer
from rich.progress import track

from schemas.catalog import StyleDefinition
from stylecore.imaging.photo import EARLY_FRAMES, FULL, Photo, Pixels, fullness, photo_of, to_pixels
from stylecore.rendering.draw import Source, Task, at_working_size, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import Verdict
from stylecore.rendering.style import Reference
from stylecore.video.read import Bounds, Clip, Frame, NotAClip
from stylecore.video.stabilize import DrawnFrame, TasksOf, draw_clip
from stylecore.video.write import ClipFile, open_clip
from workers.commands.printing import reasons_in_words
from workers.settings import Settings

JUDGED = 24
"""Every so many frames the gate looks."""
LEAST_FULLNESS = 0.05
"""Of 255, the mean difference from the border below which a frame shows nothing."""


@dataclass
class DrawnClip:
    """A clip on its way: the styles that are left, their files, a frame for the sheet."""

    path: Path
    full: int
    """Number of the first full frame: a clip may fade in."""
    left: dict[str, StyleDefinition]
    judged: Verdict | None
    tasks_of: TasksOf = field(init=False)
    files: dict[str, ClipFile] = field(default_factory=dict)
    first: dict[str, Pixels] = field(default_factory=dict)


def render_clip(
    path: Path,
    output: Path,
    wanted: Mapping[str, StyleDefinition],
    pictured: Reference | None,
    engine: Engine,
    settings: Settings,
    judged: Verdict | None,
) -> DrawnClip:
    """Writes OUTPUT/<style>/<clip> for the styles that are left; `judged` None lets all pass.

    Raises NotAClip where the clip is broken or too large; nothing is written then.
    """
    bounds = Bounds(settings.photos.max_pixels, settings.photos.max_frames)
    clip = open_clip(path, bounds)
    if clip.has_sound:
        typer.echo(f"{path.name}: its sound is left out", err=True)
    result = DrawnClip(path, _first_full(path, clip.frames), dict(wanted), judged)
    clip = open_clip(path, bounds)

    def tasks_of(source: Source) -> dict[str, Task]:
        return style_tasks(source, result.left, engine, pictured)

    result.tasks_of = tasks_of
    frames, timing = tee(clip.frames)
    photos = _photos(path, frames, engine, settings)
    drawn = draw_clip(engine, photos, tasks_of, settings.stylize.batch_images)
    steps = track(drawn, f"Drawing {path.name}", total=clip.count, transient=True)
    try:
        for number, (frame, timed) in enumerate(zip(steps, timing, strict=False)):
            if number == 0:
                result.files = _files(path, output, wanted, clip)
            _take(result, number, frame, timed.ticks)
            if not result.left:
                break
        for name in result.left:
            result.files[name].keep()
    finally:
        for file in result.files.values():
            file.discard()
    return result


def _first_full(path: Path, frames: Iterator[Frame]) -> int:
    """Which of the early frames is the first that is about as full as any. Raises NotAClip."""
    found = [fullness(frame.picture) for frame in islice(frames, EARLY_FRAMES)]
    if not found or max(found) < LEAST_FULLNESS:
        raise NotAClip(f"{path}: it shows nothing in its first frames")
    return next(number for number, full in enumerate(found) if full >= FULL * max(found))


def style_tasks(
    source: Source,
    wanted: Mapping[str, StyleDefinition],
    engine: Engine,
    pictured: Reference | None,
) -> dict[str, Task]:
    """The tasks of a source by the name of the style; `pictured` is the reference picture."""
    return {
        name: task_of(
            source, definition, engine.manifest, pictured if definition.reference_uri else None
        )
        for name, definition in wanted.items()
    }


def _files(
    path: Path, output: Path, names: Mapping[str, StyleDefinition], clip: Clip
) -> dict[str, ClipFile]:
    files = {}
    for name in names:
        (output / name).mkdir(parents=True, exist_ok=True)
        files[name] = ClipFile(output / name / f"{path.stem}.{clip.kind}", clip)
    return files


def _take(clip: DrawnClip, number: int, frame: DrawnFrame, ticks: int) -> None:
    """Judges a drawn frame when it is time to, and writes it."""
    since = number - clip.full
    if clip.judged is not None and since >= 0 and since % JUDGED == 0:
        _judge(clip, number, frame, clip.judged)
    if since == 0:
        clip.first = {"original": to_pixels(frame.source.pixels)}
        clip.first |= {name: _small(frame, name) for name in clip.left}
    for name in clip.left:
        clip.files[name].write(frame.pictures[name], ticks)


def _judge(clip: DrawnClip, number: int, frame: DrawnFrame, judged: Verdict) -> None:
    """Takes the styles out whose picture is no longer the product, and says so."""
    for name, task in clip.tasks_of(frame.source).items():
        if reasons := judged(task, _small(frame, name)):
            del clip.left[name]
            why = f"frame {number + 1}: {reasons_in_words(reasons)}"
            typer.echo(f"rejected: {clip.path.name} in {name}: {why}", err=True)


def _small(frame: DrawnFrame, name: str) -> Pixels:
    return at_working_size(frame.pictures[name], frame.source)


def _photos(
    path: Path, frames: Iterator[Frame], engine: Engine, settings: Settings
) -> Iterator[Photo]:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    for frame in frames:
        yield photo_of(
            frame.picture,
            digest,
            short_side=engine.manifest.working_size,
            output_side=settings.stylize.output_side,
        )
