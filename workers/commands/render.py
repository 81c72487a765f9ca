"""`stylecast render PHOTO...`: pictures and clips without Kafka; `stylecast styles` lists styles.

Names, blends, a reference picture or a palette become style definitions, each with a folder for its
pictures. Photos are decoded, drawn and written in batches, so that a folder may have any number;
of a clip every frame is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from hashlib import file_digest
from itertools import chain, islice, tee
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from schemas.catalog import Aspect, Ground, Scene, StyleDefinition
from schemas.events import RejectionReason
from stylecore.errors import Permanent, SettingsError, StylecastError
from stylecore.imaging.contact_sheet import contact_sheets
from stylecore.imaging.decoder import Decoder
from stylecore.imaging.palette import parse_palette
from stylecore.imaging.photo import (
    EARLY_FRAMES,
    FULL,
    Photo,
    Pixels,
    encode,
    fullness,
    photo_of,
    to_pixels,
)
from stylecore.models import FEATURES
from stylecore.rendering.backdrops import BACKDROPS
from stylecore.rendering.draw import (
    Source,
    Staging,
    Task,
    at_working_size,
    compose,
    draw,
    source_for,
    source_of,
    staging_of,
    task_of,
)
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import Verdict, load_quality_model, verdict
from stylecore.rendering.manifest import load_manifest
from stylecore.rendering.matte import UNCERTAIN, MatteNet, cut_out
from stylecore.rendering.scene import POSE_NOTES
from stylecore.rendering.style import Reference, load_encoder, parse_style, reference_of
from stylecore.video.read import Bounds, Clip, Frame, NotAClip
from stylecore.video.stabilize import DrawnFrame, draw_clip
from stylecore.video.write import ClipFile, is_clip, open_clip
from workers.commands.printing import JsonFlag, print_json, print_line, reasons_in_words
from workers.pictures import (
    PHOTO_KINDS,
    NotTaken,
    check_kind,
    files_below,
    load_engine,
    load_matte_net,
    make_decoder,
)
from workers.settings import Settings, load_settings

PALETTE = "palette"
"""Folder of a palette that stands alone; it is laid on the generator's first style."""


def wanted_styles(
    styles: Sequence[str],
    reference: Path | None,
    names: Sequence[str],
    common: StyleDefinition,
) -> dict[str, StyleDefinition]:
    """Return definitions by folder name; `common` gives all but weights and reference.

    `names` are the generator's styles. Raises SettingsError where nothing is asked for or two
    styles would go to one folder, UnknownStyle for a style that is none.
    """
    blends = dict(pair for text in styles for pair in parse_style(text, names))
    if not blends and reference is None and common.palette is not None:
        blends = {PALETTE: {names[0]: 1.0}}
    wanted = {
        name: msgspec.structs.replace(common, weights=dict(weights))
        for name, weights in blends.items()
    }
    if reference is not None:
        if reference.stem in wanted:
            raise SettingsError(f"--reference: rename {reference}, '{reference.stem}' is a style")
        wanted[reference.stem] = msgspec.structs.replace(
            common, weights=None, reference_uri=str(reference)
        )
    if not wanted:
        raise SettingsError("nothing to draw: give --style, --reference or --palette")
    return wanted


JUDGED = 24
"""Every so many frames of a clip the gate judges one."""
LEAST_FULLNESS = 0.05
"""Of 255, the mean difference from the border below which a frame shows nothing."""
TOGETHER = 16
"""Photos that are decoded and drawn together."""
DECODERS = 2


DRAWN_WHOLE = (
    "no product was found for sure, so the photo is drawn whole: opaque, on its own ground "
    "and without --product-strength"
)
NO_CLIPS = (
    "a clip takes no --ground and no --product-strength, and is not drawn; draw it without them"
)


SCENE_COLOURS, LEAST_COLOURS = "--scene-colours", 2


class Unread(StylecastError):
    """A photo or clip cannot be read; the message names it."""


@dataclass
class Count:
    """What came of what was asked for."""

    written: int = 0
    rejected: int = 0
    unread: int = 0
    whole: int = 0
    """Photos whose product was to be cut out and was not found."""
    clips: int = 0
    """Clips that were not drawn, because they take no ground."""

    @property
    def is_short(self) -> bool:
        """Whether a picture lacks, or is not what was asked for."""
        return bool(self.rejected or self.unread or self.whole or self.clips)

    def unreadable(self, problem: Exception) -> None:
        """Count a file that cannot be read, and say why."""
        self.unread += 1
        print_problem(str(problem))


def print_problem(text: str) -> None:
    """Print in one line what went wrong with a file."""
    print_line(f"stylecast: {' '.join(text.split())}")


class PictureFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` tells of a photo in a style.

    `file` is left out where none was written: `rejected` has the gate's reasons. `problem` says why
    the picture is not what was asked for, `style` is left out where it is the photo's own; `notes`
    are those of `quality.notes`.
    """

    photo: str
    style: str | None = None
    file: str | None = None
    rejected: list[RejectionReason] = []
    problem: str | None = None
    notes: list[str] = []


@dataclass(frozen=True)
class Drawing:
    """What is drawn of every photo, and where to."""

    settings: Settings
    engine: Engine
    wanted: Mapping[str, StyleDefinition]
    pictured: Reference | None
    judged: Verdict | None
    """None lets all pass."""
    output: Path
    count: Count
    staging: Staging | None = None
    """Of all styles that are wanted."""
    matte_net: MatteNet | None = None
    """By which products are cut out; None where no style asks for it."""
    found: list[PictureFigures] = field(default_factory=list)
    """Of what was drawn so far."""

    @property
    def is_apart(self) -> bool:
        """Whether a product is to stand on another ground or to be painted apart from it."""
        return any(
            it.ground != "photo" or it.product_strength is not None for it in self.wanted.values()
        )


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
    ground: Annotated[
        Ground,
        typer.Option(
            help="Around the product: its photo's, the style's paper, nothing, or a --backdrop."
        ),
    ] = "photo",
    product_strength: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Of the product; 0, as in scenes: as photographed."),
    ] = None,
    backdrop: Annotated[
        str | None, typer.Option(help="Of a scene: 'stylecast scenes' lists them.")
    ] = None,
    scene_colours: Annotated[
        str | None, typer.Option(help="Two to five of the backdrop, its ground's first.")
    ] = None,
    aspect: Annotated[Aspect, typer.Option(help="Width to height of a scene.")] = "photo",
    json: JsonFlag = False,
) -> None:
    """Draw photos in styles: FOLDER/<style>/<photo>.webp, and a contact sheet.

    A moving GIF, WebP or MP4 is drawn frame by frame, to a clip of its kind. Exit 1 where a picture
    lacks (rejected by the gate, or of a file that cannot be read) or is not what was asked for (no
    product was found for sure, and the photo is drawn whole).
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
        ground=ground,
        product_strength=product_strength,
        scene=_scene(ground, backdrop, scene_colours, aspect, seed),
        aspect=aspect,
    )
    wanted = wanted_styles(style or (), reference, names, common)
    count = Count()
    with (
        closing(make_decoder(settings, DECODERS, engine.manifest.working_size)) as decoder,
        ThreadPoolExecutor(DECODERS) as executor,
    ):
        pictured = judged = None
        if reference is not None:
            photo = read_photo(decoder, reference)
            if isinstance(photo, Unread):
                raise photo
            encoder = load_encoder(settings.stylize.generator, engine.manifest)
            pictured = reference_of(photo, encoder)
        paths = distinct_photos(photo_files(photos, output, count))
        make_folder(output)
        if gate:
            bounds = settings.stylize.bounds
            judged = partial(verdict, load_quality_model(FEATURES), engine.manifest, bounds)
        staging = staging_of(common)
        net = load_matte_net(settings.stylize) if staging else None
        drawing = Drawing(settings, engine, wanted, pictured, judged, output, count, staging, net)
        moving = {path: is_clip(path) for path in paths}
        stills, clips = ([path for path in paths if moving[path] is kind] for kind in (False, True))
        read = partial(read_photo, decoder)
        rows = chain(_drawn(stills, drawing, read, executor), _drawn_clips(clips, drawing))
        pages = []
        for number, page in enumerate(contact_sheets(rows, ["original", *wanted]), start=1):
            name = "contact-sheet.jpg" if number == 1 else f"contact-sheet-{number}.jpg"
            page.save(output / name, quality=90)
            pages.append(output / name)
    if json:
        print_json(drawing.found)
    else:
        typer.echo(_summary(count, output, pages))
    if count.is_short:
        raise typer.Exit(1)


def _scene(
    ground: Ground, backdrop: str | None, colours: str | None, aspect: Aspect, seed: int
) -> Scene | None:
    """Return the scene that the options name. Raises SettingsError where they do not fit."""
    if ground != "scene":
        given = {"--backdrop": backdrop, SCENE_COLOURS: colours}
        names = [name for name, value in given.items() if value is not None]
        if aspect != "photo":
            names.append("--aspect")
        if names:
            raise SettingsError(f"{' and '.join(names)}: only with --ground scene")
        return None
    there = f"there are: {', '.join(BACKDROPS)}"
    if backdrop is None:
        raise SettingsError(f"--ground scene: give --backdrop; {there}")
    if backdrop not in BACKDROPS:
        raise SettingsError(f"--backdrop: no backdrop {backdrop!r}; {there}")
    palette = None if colours is None else tuple(parse_palette(colours, SCENE_COLOURS))
    if palette is not None and len(palette) < LEAST_COLOURS:
        raise SettingsError(f"{SCENE_COLOURS}: one colour is too few; give two to five")
    return Scene(backdrop=backdrop, colours=palette, seed=seed)


def _drawn(
    paths: list[Path],
    drawing: Drawing,
    read: Callable[[Path], Photo | Unread],
    executor: Executor,
) -> Iterator[dict[str, Pixels]]:
    """Draw and write photos; yield each one's row of the contact sheet."""
    groups = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
    for group in track(groups, "Drawing", transient=True):
        sources: dict[Path, Source] = {}
        rows: dict[Path, dict[str, Pixels]] = {}
        for path, photo in zip(group, executor.map(read, group), strict=True):
            if isinstance(photo, Unread):
                drawing.count.unreadable(photo)
                drawing.found.append(PictureFigures(photo=str(path), problem=str(photo)))
            else:
                sources[path] = _source(photo, drawing)
                rows[path] = {"original": photo.pixels}
        _draw_group(sources, drawing, rows)
        yield from rows.values()


def _source(photo: Photo, drawing: Drawing) -> Source:
    if drawing.matte_net is None or drawing.staging is None:
        return source_of(photo)
    return source_for(cut_out(photo, drawing.matte_net), drawing.staging)


def _draw_group(
    sources: Mapping[Path, Source], drawing: Drawing, rows: Mapping[Path, dict[str, Pixels]]
) -> None:
    """Draw and write the pictures of some photos, and add them to the photos' `rows`."""
    tasks: list[Task] = []
    places: dict[int, tuple[Path, str]] = {}
    for path, source in sources.items():
        if _is_short(source, drawing):
            drawing.count.whole += 1
            print_problem(f"{path}: {DRAWN_WHOLE}")
        for note in source.notes:
            if note not in POSE_NOTES:
                print_line(f"note: {path.name}: {note}")
        for name, task in style_tasks(
            source, drawing.wanted, drawing.engine, drawing.pictured
        ).items():
            tasks.append(task)
            places[id(task)] = path, name
    for task, planes in draw(drawing.engine, tasks, drawing.settings.stylize.batch_images):
        path, name = places[id(task)]
        pixels = compose(task, planes, drawing.engine)
        small = at_working_size(pixels, task.source)
        file = _target(drawing, name, path, "webp")
        reasons = drawing.judged(task, small) if drawing.judged else []
        drawing.found.append(
            PictureFigures(
                photo=str(path),
                style=name,
                file=None if reasons else str(file),
                rejected=reasons,
                problem=DRAWN_WHOLE if _is_short(task.source, drawing) else None,
                notes=list(task.source.notes),
            )
        )
        if reasons:
            drawing.count.rejected += 1
            print_line(f"rejected: {path.name} in {name}: {reasons_in_words(reasons)}")
            continue
        drawing.count.written += 1
        rows[path][name] = small
        file.write_bytes(encode(pixels)[0])


def _is_short(source: Source, drawing: Drawing) -> bool:
    """Return whether the photo is drawn whole where its product was to stand alone."""
    return drawing.is_apart and UNCERTAIN in source.notes


def _drawn_clips(paths: Iterable[Path], drawing: Drawing) -> Iterator[dict[str, Pixels]]:
    """Draw and write clips; yield each one's row of the contact sheet."""
    for path in paths:
        if drawing.is_apart:
            drawing.count.clips += 1
            print_problem(f"{path}: {NO_CLIPS}")
            drawing.found.append(PictureFigures(photo=str(path), problem=NO_CLIPS))
            continue
        try:
            row = _draw_clip(path, drawing)
        except (NotAClip, SettingsError) as problem:
            drawing.count.unreadable(problem)
            drawing.found.append(PictureFigures(photo=str(path), problem=str(problem)))
        else:
            yield row


def _draw_clip(path: Path, drawing: Drawing) -> dict[str, Pixels]:
    """Write OUTPUT/<style>/<clip> for each style that the gate lets pass; return the sheet's row.

    The gate judges the first full frame and every JUDGED-th after it; nothing is written of a
    style that it rejects. Raises NotAClip where the clip is broken or too large, and writes nothing
    then.
    """
    engine, settings = drawing.engine, drawing.settings
    bounds = Bounds(settings.photos.max_pixels, settings.photos.max_frames)
    clip = open_clip(path, bounds)
    if clip.has_sound:
        print_line(f"{path.name}: its sound is left out")
    full = _first_full(path, clip.frames)
    clip = open_clip(path, bounds)
    left, row = dict(drawing.wanted), dict[str, Pixels]()
    files: dict[str, ClipFile] = {}
    tasks_of = partial(style_tasks, wanted=left, engine=engine, pictured=drawing.pictured)
    frames, timing = tee(clip.frames)
    photos = _photos_of(path, frames, drawing)
    drawn = draw_clip(engine, photos, tasks_of, settings.stylize.batch_images)
    steps = track(drawn, f"Drawing {path.name}", total=clip.count, transient=True)
    with ExitStack() as stack:
        for number, (frame, timed) in enumerate(zip(steps, timing, strict=False)):
            if number == 0:
                files = _clip_files(path, clip, drawing, stack)
            if number >= full and (number - full) % JUDGED == 0:
                for name in _rejected(drawing, path, number, frame, tasks_of(frame.source)):
                    del left[name]
            if number == full:
                row = _row_of(frame, left)
            for name in left:
                files[name].write(frame.pictures[name], timed.ticks)
            if not left:
                break
        for name in left:
            files[name].keep()
            file = _target(drawing, name, path, clip.kind)
            drawing.found.append(PictureFigures(photo=str(path), style=name, file=str(file)))
    drawing.count.written += len(left)
    drawing.count.rejected += len(drawing.wanted) - len(left)
    return row


def _clip_files(path: Path, clip: Clip, drawing: Drawing, stack: ExitStack) -> dict[str, ClipFile]:
    """Open a file for each style, which the stack discards unless it is kept before."""
    files = {}
    for name in drawing.wanted:
        files[name] = ClipFile(_target(drawing, name, path, clip.kind), clip)
        stack.callback(files[name].discard)
    return files


def _row_of(frame: DrawnFrame, styles: Iterable[str]) -> dict[str, Pixels]:
    small = {name: at_working_size(frame.pictures[name], frame.source) for name in styles}
    return {"original": to_pixels(frame.source.pixels), **small}


def _first_full(path: Path, frames: Iterator[Frame]) -> int:
    """Return which early frame is the first about as full as any: a clip may fade in.

    Raises NotAClip.
    """
    found = [fullness(frame.picture) for frame in islice(frames, EARLY_FRAMES)]
    if not found or max(found) < LEAST_FULLNESS:
        raise NotAClip(f"{path}: it shows nothing in its first frames")
    return next(number for number, full in enumerate(found) if full >= FULL * max(found))


def _photos_of(path: Path, frames: Iterator[Frame], drawing: Drawing) -> Iterator[Photo]:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    for frame in frames:
        yield photo_of(
            frame.picture,
            digest,
            short_side=drawing.engine.manifest.working_size,
            output_side=drawing.settings.stylize.output_side,
        )


def _rejected(
    drawing: Drawing, path: Path, number: int, frame: DrawnFrame, tasks: Mapping[str, Task]
) -> Iterator[str]:
    """Yield the styles whose picture of the frame is no longer the product, and print why."""
    for name, task in tasks.items():
        small = at_working_size(frame.pictures[name], frame.source)
        if reasons := drawing.judged(task, small) if drawing.judged else []:
            why = f"frame {number + 1}: {reasons_in_words(reasons)}"
            print_line(f"rejected: {path.name} in {name}: {why}")
            rejected = PictureFigures(photo=str(path), style=name, rejected=reasons)
            drawing.found.append(rejected)
            yield name


def _target(drawing: Drawing, style: str, path: Path, suffix: str) -> Path:
    """Return where a photo's or clip's picture in a style goes, in a folder that exists."""
    make_folder(drawing.output / style)
    return drawing.output / style / f"{path.stem}.{suffix}"


def style_tasks(
    source: Source,
    wanted: Mapping[str, StyleDefinition],
    engine: Engine,
    pictured: Reference | None,
) -> dict[str, Task]:
    """Return the tasks of a source by style name; `pictured` is the reference picture."""
    return {
        name: task_of(
            source, definition, engine.manifest, pictured if definition.reference_uri else None
        )
        for name, definition in wanted.items()
    }


def _summary(count: Count, output: Path, pages: list[Path]) -> str:
    parts = [f"{count.written} pictures in {output}", f"{count.rejected} rejected"]
    if count.rejected:
        parts[-1] += " and not written (--no-gate writes them)"
    if count.unread:
        parts.append(f"{_counted(count.unread, 'file')} not read")
    if count.whole:
        parts.append(f"{_counted(count.whole, 'photo')} drawn whole: no product was found for sure")
    if count.clips:
        parts.append(f"{_counted(count.clips, 'clip')} not drawn: clips take no ground")
    if pages:
        parts.append(f"see {pages[0]}" + (f" to {pages[-1].name}" if len(pages) > 1 else ""))
    return ", ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"


def photo_files(paths: Iterable[Path], output: Path, count: Count) -> Iterator[Path]:
    """Yield the named files, and those below the folders that begin like a photo or clip."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for inner in files_below(path):
            if inner.is_relative_to(output):
                continue  # what an earlier run has drawn
            try:
                check_kind(inner)
            except NotTaken as problem:
                count.unreadable(problem)
            else:
                yield inner


def distinct_photos(paths: Iterable[Path]) -> list[Path]:
    """Return the photos, whose stems must differ: a picture is named by its photo's stem."""
    by_stem: dict[str, Path] = {}
    for path in paths:
        if by_stem.setdefault(path.stem, path) != path:
            raise Permanent(
                f"{by_stem[path.stem]} and {path} would be drawn to the same file; rename one, "
                "or draw them to different folders"
            )
    if not by_stem:
        raise Permanent(f"no photos ({PHOTO_KINDS}) or clips (GIF, WebP, MP4) in what was given")
    return list(by_stem.values())


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Permanent(f"cannot write to {folder}: {problem.strerror}") from problem


def read_photo(decoder: Decoder, path: Path) -> Photo | Unread:
    """Decode a photo, or return why it cannot be read."""
    try:
        check_kind(path)
        return decoder.decode(path.read_bytes())
    except OSError as problem:
        return Unread(f"cannot read {path}: {problem.strerror}")
    except NotTaken as problem:
        return Unread(str(problem))
    except StylecastError as problem:
        return Unread(f"{path}: {problem}")


def styles(as_json: JsonFlag = False) -> None:
    """List the generator's styles: name, label, kind, paper; and where their swatches lie."""
    folder = load_settings().stylize.generator
    manifest = load_manifest(folder)
    if as_json:
        rows: list[dict[str, Any]] = [
            {**msgspec.to_builtins(style), "swatch": str(folder / style.swatch)}
            for style in manifest.styles
        ]
        print_json(rows)
        return
    table = Table(title=f"Generator {manifest.version}", title_justify="left")
    for name in ("style", "label", "kind", "paper", "colour only", "description"):
        table.add_column(name, overflow="fold")
    for style in manifest.styles:
        colour_only, paper = "yes" if style.colour_only else "no", "white stays"
        if style.paper is not None:
            colour = "#{:02x}{:02x}{:02x}".format(*style.paper)
            paper = f"[on {colour}]    [/] {colour}"
        table.add_row(
            style.style_id, style.label, style.kind, paper, colour_only, style.description
        )
    Console().print(table)
    typer.echo(f"swatches: {folder / 'swatches'}")
