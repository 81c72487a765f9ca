"""`stylecast render PHOTO...`: pictures and clips without Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from schemas.catalog import StyleDefinition
from stylecore.clips.files import is_clip
from stylecore.clips.video import is_video
from stylecore.contact_sheet import contact_sheet
from stylecore.drawing import Source, Task, at_working_size, compose, draw, source_of
from stylecore.engine import Engine
from stylecore.errors import Permanent
from stylecore.gate import Verdict, load_examiner, verdict
from stylecore.images import Photo, Pixels, decode, encode, to_pixels
from stylecore.models import FEATURES
from stylecore.palette import parse_palette
from stylecore.reference import Reference, load_encoder, reference_of
from workers.commands.clips import render_clip, style_tasks
from workers.commands.printing import reasons_in_words
from workers.commands.wanted_styles import wanted_styles
from workers.engine import load_engine
from workers.photos import is_picture
from workers.settings import Settings, load_settings


def render(
    photos: Annotated[list[Path], typer.Argument(help="Photos and clips, or folders of them.")],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    style: Annotated[
        list[str] | None,
        typer.Option(help="A name, 'all', or a blend: watercolour=0.7,ink-line=0.3."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the noise: another seed, another picture.")
    ] = 0,
    strength: Annotated[float, typer.Option(min=0, max=1, help="0 the photo, 1 the render.")] = 1.0,
    gate: Annotated[bool, typer.Option(help="Leave out what is no longer the product.")] = True,
    reference: Annotated[Path | None, typer.Option(help="A picture as the style.")] = None,
    palette: Annotated[
        str | None, typer.Option(help="Up to five colours to move to: '#112233,#ddeeff'.")
    ] = None,
    keep_product_colour: Annotated[
        bool, typer.Option(help="The product keeps its own hue and chroma.")
    ] = False,
) -> None:
    """Draw photos in styles: FOLDER/<style>/<photo>.webp, and a contact sheet.

    A moving GIF, WebP or MP4 is drawn frame by frame, to a clip of its kind.
    """
    settings = load_settings()
    engine = load_engine(settings.stylize)
    names = [name.style_id for name in engine.manifest.styles]
    common = StyleDefinition(
        weights={names[0]: 1.0},
        palette=None if palette is None else parse_palette(palette),
        strength=strength,
        seed=seed,
        keep_product_colour=keep_product_colour,
    )
    wanted = wanted_styles(style or (), reference, names, common)
    pictured = None if reference is None else _reference(reference, settings, engine)
    paths = _distinct(_expanded(photos))
    clips = [path for path in paths if is_clip(path)]
    sources = {path: _load(path, settings, engine) for path in paths if path not in clips}
    _make_folder(output)
    judged = _verdict(settings, engine) if gate else None
    tasks = _tasks(sources, wanted, engine, pictured)
    total, rejected = sum(map(len, tasks.values())), 0
    finished: dict[Path, dict[str, Pixels]] = {
        path: {"original": to_pixels(source.pixels)} for path, source in sources.items()
    }
    where = {id(task): (path, name) for path, by in tasks.items() for name, task in by.items()}
    flat = [task for by_style in tasks.values() for task in by_style.values()]
    drawn = draw(engine, flat, settings.stylize.batch_images)
    for task, planes in track(drawn, "Drawing", total=total, transient=True):
        path, name = where[id(task)]
        pixels = compose(task, planes, engine.manifest)
        small = at_working_size(pixels, task.source)
        reasons = judged(task, small) if judged else []
        if reasons:
            rejected += 1
            typer.echo(f"rejected: {path.name} in {name}: {reasons_in_words(reasons)}", err=True)
            continue
        finished[path][name] = small
        _write(output / name / f"{path.stem}.webp", pixels)
    for path in clips:
        clip = render_clip(path, output, wanted, pictured, engine, settings, judged)
        finished[path] = clip.first
        total, rejected = total + len(wanted), rejected + len(wanted) - len(clip.left)
    sheet = output / "contact-sheet.jpg"
    contact_sheet(finished.values(), ["original", *wanted]).save(sheet, quality=90)
    typer.echo(f"{total - rejected} pictures in {output}, {rejected} rejected, see {sheet}")


def _verdict(settings: Settings, engine: Engine) -> Verdict:
    return partial(verdict, load_examiner(FEATURES), engine.manifest, settings.stylize.bounds)


def _tasks(
    sources: dict[Path, Source],
    wanted: dict[str, StyleDefinition],
    engine: Engine,
    pictured: Reference | None,
) -> dict[Path, dict[str, Task]]:
    return {path: style_tasks(source, wanted, engine, pictured) for path, source in sources.items()}


def _expanded(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(
                inner for inner in path.rglob("*") if is_picture(inner) or is_video(inner)
            )
        else:
            yield path


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """The photos, if each has a name of its own: a picture is named by its photo's stem."""
    by_stem: dict[str, Path] = {}
    for path in paths:
        if by_stem.setdefault(path.stem, path) != path:
            raise Permanent(
                f"{by_stem[path.stem]} and {path} would be drawn to the same file; rename one, "
                "or draw them to different folders"
            )
    if not by_stem:
        raise Permanent(
            "no photos (jpg, png, webp, gif, bmp, tif) or clips (gif, webp, mp4) in what was given"
        )
    return list(by_stem.values())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Permanent(f"cannot write to {folder}: {problem.strerror}") from problem


def _reference(path: Path, settings: Settings, engine: Engine) -> Reference:
    encoder = load_encoder(settings.stylize.generator, engine.manifest)
    return reference_of(_decoded(path, settings, engine), encoder)


def _load(path: Path, settings: Settings, engine: Engine) -> Source:
    return source_of(_decoded(path, settings, engine))


def _decoded(path: Path, settings: Settings, engine: Engine) -> Photo:
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise Permanent(f"cannot read {path}: {problem.strerror}") from problem
    try:
        return decode(
            data,
            short_side=engine.manifest.working_size,
            max_pixels=settings.photos.max_pixels,
            output_side=settings.stylize.output_side,
        )
    except Permanent as problem:
        raise Permanent(f"{path}: {problem}") from problem


def _write(path: Path, pixels: Pixels) -> None:
    _make_folder(path.parent)
    path.write_bytes(encode(pixels)[0])
