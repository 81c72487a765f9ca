"""One evaluation from photos to figures: draw, read back, measure, time.

What it leaves under the output folder is described in folders.py; the table and the sheets are the
command's to write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stylecore.engine import Engine
from stylecore.errors import Permanent
from stylecore.evaluation.examining import SHIFT, Judges, Key, examine
from stylecore.evaluation.folders import (
    LETTERING,
    ORIGINALS,
    SHIFTED,
    load_photos,
    style_folder,
    write_pictures,
)
from stylecore.evaluation.lettering import read_share
from stylecore.evaluation.painters import (
    COPY,
    MICROAST,
    OURS,
    TEACHER,
    Painter,
    full_size,
    has_teacher,
    served,
    taught,
    two_pictures,
)
from stylecore.evaluation.perceptual import Eye
from stylecore.evaluation.pictures import shifted, spread
from stylecore.evaluation.summary import embed_references, summarise
from stylecore.evaluation.timing import Times, measure_times
from stylecore.evaluation.typeset import typeset_pictures
from stylecore.features import FeatureNet
from stylecore.imaging.foreground import Colour
from stylecore.imaging.photo import Photo
from stylecore.manifest import MANIFEST, GeneratorManifest
from stylecore.models import FEATURES
from stylecore.styles import UnknownStyle

Report = Callable[[str], None]
Figures = dict[str, float]


@dataclass(frozen=True)
class Wanted:
    """What is evaluated with what; `perceptual` and `microast` may be left out.

    `only` names the styles to look at; none are all.
    """

    photos: tuple[Path, ...]
    styles: Path
    output: Path
    perceptual: Path | None = None
    microast: Path | None = None
    limit: int = 64
    seed: int = 1
    threads: int = 2
    teachers: bool = True
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """styles: style to painter to figure to value; the generator first, the copy last."""

    generator: str
    photos: list[str]
    references: dict[str, int]
    times: Times
    styles: dict[str, dict[str, Figures]]


def evaluate(wanted: Wanted, engine: Engine, report: Report) -> Evaluation:
    """Draw and measure. Raises Permanent or SettingsError where an input is missing or broken."""
    if not wanted.styles.is_dir():
        raise Permanent(f"styles: {wanted.styles} is no folder of references, a sub-folder a style")
    judges = find_judges(wanted)
    photos = load_photos(spread(wanted.photos, wanted.limit), engine.manifest.working_size)
    write_pictures(wanted.output / ORIGINALS, list(photos), [p.pixels for p in photos.values()])
    papers = wanted_papers(engine.manifest, wanted.only)
    seconds = dict(draw_all(wanted, engine, photos, list(papers), report))
    report("measuring")
    references = embed_references(wanted.styles, judges.eye, wanted.threads) if judges.eye else {}
    examined = list(examine(wanted.output, list(seconds), papers, judges, wanted.threads))
    found = summarise(examined, references)
    times = measure_times(engine, wanted.threads, rounds=15)
    for key, taken in seconds.items():
        found[key]["ms"] = times.generator_ms if key[0] == OURS else 1e3 * taken / len(photos)
    for key, share in lettering(engine, wanted, list(papers), report):
        found[key]["lettering"] = share
    return Evaluation(
        f"{engine.manifest.name} {engine.manifest.version}",
        list(photos),
        {name: len(embedded) for name, embedded in references.items()},
        times,
        {style: _rows(found, style) for style in papers},
    )


def find_judges(wanted: Wanted) -> Judges:
    """SqueezeNet where its weights are given, the classifier where one ships."""
    shipped = (FEATURES / MANIFEST).is_file()
    return Judges(
        Eye(wanted.perceptual) if wanted.perceptual else None,
        FeatureNet(FEATURES) if shipped else None,
    )


def wanted_papers(manifest: GeneratorManifest, only: Sequence[str]) -> dict[str, Colour | None]:
    """Style to its paper, of the styles that are wanted. Raises UnknownStyle."""
    papers = {style.style_id: style.paper for style in manifest.styles}
    if unknown := [name for name in only if name not in papers]:
        raise UnknownStyle(f"no style {unknown[0]!r}; there are: {', '.join(papers)}")
    return {name: paper for name, paper in papers.items() if not only or name in only}


def draw_all(
    wanted: Wanted,
    engine: Engine,
    photos: Mapping[str, Photo],
    styles: Sequence[str],
    report: Report,
) -> Iterator[tuple[Key, float]]:
    """Write every painter's pictures; gives painter and style with the seconds that it took."""
    moved = [replace(p, pixels=shifted(p.pixels, SHIFT)) for p in photos.values()]
    for painter, style, paint in jobs(wanted, engine, styles):
        report(f"{painter} draws {style}")
        started = time.perf_counter()
        pictures = paint(list(photos.values()), style)
        yield (painter, style), time.perf_counter() - started
        write_pictures(style_folder(wanted.output, painter, style), list(photos), pictures)
        if painter == OURS:
            folder = style_folder(wanted.output, SHIFTED, style)
            write_pictures(folder, list(photos), paint(moved, style))


def jobs(
    wanted: Wanted, engine: Engine, styles: Sequence[str]
) -> Iterator[tuple[str, str, Painter]]:
    """Painter, style and how it is painted, in the order of the table's rows."""
    with_references = [style for style in styles if (wanted.styles / style).is_dir()]
    ours = served(engine, wanted.seed)
    yield from ((OURS, style, ours) for style in styles)
    if wanted.teachers:
        teacher = taught(wanted.styles, wanted.seed, wanted.threads)
        taught_styles = [style for style in styles if has_teacher(style, with_references)]
        yield from ((TEACHER, style, teacher) for style in taught_styles)
    if wanted.microast:
        theirs = two_pictures(wanted.microast, wanted.styles, wanted.threads)
        yield from ((MICROAST, style, theirs) for style in with_references)


def lettering(
    engine: Engine, wanted: Wanted, styles: Sequence[str], report: Report
) -> Iterator[tuple[Key, float]]:
    """Painter and style with the share of typeset characters that are read at 1,024 px."""
    pages = typeset_pictures()
    copied = sum(read_share(page, page.pixels) for page in pages) / len(pages)
    draw = full_size(engine, wanted.seed)
    for style in styles:
        report(f"lettering in {style}")
        renders = draw([page.pixels for page in pages], style)
        write_pictures(
            style_folder(wanted.output, LETTERING, style),
            [page.name.replace(" ", "-") for page in pages],
            renders,
        )
        shares = [read_share(page, render) for page, render in zip(pages, renders, strict=True)]
        yield (OURS, style), sum(shares) / len(shares)
        yield (COPY, style), copied


def _rows(found: Mapping[Key, Figures], style: str) -> dict[str, Figures]:
    order = (OURS, TEACHER, MICROAST, COPY)
    return {painter: found[painter, style] for painter in order if (painter, style) in found}
