"""Evaluates a generator, from photos to figures: render, read back, measure, summarize, time.

evaluate -> draw_all (pictures of every painter in the output folder, see inputs.py) -> measure (the
figures of one photo and its pictures) -> summarise (means over photos, and figures of sets) ->
Evaluation. Table and sheets are written by the command.

Style match: Gram embeddings of renders are compared with random halves of the references, so that
the held-out half shows what a real picture of the style would have. Colour counts here: a mere
recolouring makes progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stylecore.errors import Permanent
from stylecore.evaluation.image_metrics import (
    AnyFloats,
    Embedding,
    Figures,
    Rows,
    artfid,
    embed,
    frechet_distance,
    ground_figures,
    photo_figures,
    seen_figures,
    share_of_first,
    shift_difference,
    squared_distances,
    stacked,
    to_set_without_own,
    to_sets,
)
from stylecore.evaluation.inputs import (
    LETTERING,
    ORIGINALS,
    SHIFTED,
    load_photos,
    pictures_under,
    read,
    read_pixels,
    shifted,
    spread,
    stems_of,
    style_folder,
    without_white_margins,
    write_pictures,
)
from stylecore.evaluation.latency import Times, measure_times
from stylecore.evaluation.lettering import read_share, typeset_pictures
from stylecore.evaluation.painters import (
    COPY,
    MICROAST,
    OURS,
    TEACHER,
    Painter,
    full_size,
    generator_painter,
    has_teacher,
    style_transfer_painter,
    teacher_painter,
)
from stylecore.evaluation.squeezenet import OnnxSqueezeNet
from stylecore.evaluation.table import means
from stylecore.evaluation.view import Colour, View
from stylecore.imaging.photo import Photo, to_floats
from stylecore.models import FEATURES
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import FeatureNet
from stylecore.rendering.manifest import MANIFEST, GeneratorManifest
from stylecore.rendering.style import UnknownStyle

SHIFT = 3
"""Pixels; no multiple of 4, because strides multiply to 4 or 8 and would hide the movement."""

Key = tuple[str, str]
"""Painter and style."""
Papers = Mapping[str, Colour | None]
"""Style to its paper, for every style of the generator."""


Report = Callable[[str], None]


@dataclass(frozen=True)
class EvaluationSettings:
    """Inputs of an evaluation; `perceptual` and `microast` are optional.

    `only` names the styles to evaluate, all where it is empty.
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


def evaluate(settings: EvaluationSettings, engine: Engine, report: Report) -> Evaluation:
    """Draw and measure. Raises Permanent or SettingsError where an input is missing or broken."""
    if not settings.styles.is_dir():
        raise Permanent(
            f"styles: {settings.styles} is no folder of references, a sub-folder a style"
        )
    networks = load_networks(settings)
    photos = load_photos(spread(settings.photos, settings.limit), engine.manifest.working_size)
    write_pictures(settings.output / ORIGINALS, list(photos), [p.pixels for p in photos.values()])
    papers = select_papers(engine.manifest, settings.only)
    seconds = dict(draw_all(settings, engine, photos, list(papers), report))
    report("measuring")
    references = (
        embed_references(settings.styles, networks.squeezenet, settings.threads)
        if networks.squeezenet
        else {}
    )
    measured = list(measure(settings.output, list(seconds), papers, networks, settings.threads))
    found = summarise(measured, references)
    times = measure_times(engine, settings.threads, rounds=15)
    for key, taken in seconds.items():
        found[key]["ms"] = times.generator_ms if key[0] == OURS else 1e3 * taken / len(photos)
    for key, share in lettering(engine, settings, list(papers), report):
        found[key]["lettering"] = share
    return Evaluation(
        f"{engine.manifest.name} {engine.manifest.version}",
        list(photos),
        {name: len(embedded) for name, embedded in references.items()},
        times,
        {style: _rows(found, style) for style in papers},
    )


def load_networks(settings: EvaluationSettings) -> Networks:
    """Load SqueezeNet where its weights are given, the classifier where one ships."""
    shipped = (FEATURES / MANIFEST).is_file()
    return Networks(
        OnnxSqueezeNet(settings.perceptual) if settings.perceptual else None,
        FeatureNet(FEATURES) if shipped else None,
    )


def select_papers(manifest: GeneratorManifest, only: Sequence[str]) -> dict[str, Colour | None]:
    """Select the wanted styles with their papers. Raises UnknownStyle."""
    papers = {style.style_id: style.paper for style in manifest.styles}
    if unknown := [name for name in only if name not in papers]:
        raise UnknownStyle(f"no style {unknown[0]!r}; there are: {', '.join(papers)}")
    return {name: paper for name, paper in papers.items() if not only or name in only}


def draw_all(
    settings: EvaluationSettings,
    engine: Engine,
    photos: Mapping[str, Photo],
    styles: Sequence[str],
    report: Report,
) -> Iterator[tuple[Key, float]]:
    """Write every painter's pictures; yields painter and style with the seconds it took."""
    moved = [replace(p, pixels=shifted(p.pixels, SHIFT)) for p in photos.values()]
    for painter, style, paint in jobs(settings, engine, styles):
        report(f"{painter} draws {style}")
        started = time.perf_counter()
        pictures = paint(list(photos.values()), style)
        yield (painter, style), time.perf_counter() - started
        write_pictures(style_folder(settings.output, painter, style), list(photos), pictures)
        if painter == OURS:
            folder = style_folder(settings.output, SHIFTED, style)
            write_pictures(folder, list(photos), paint(moved, style))


def jobs(
    settings: EvaluationSettings, engine: Engine, styles: Sequence[str]
) -> Iterator[tuple[str, str, Painter]]:
    """Yield painter, style and the function that paints, in the order of the table's rows."""
    with_references = [style for style in styles if (settings.styles / style).is_dir()]
    ours = generator_painter(engine, settings.seed)
    yield from ((OURS, style, ours) for style in styles)
    if settings.teachers:
        teacher = teacher_painter(settings.styles, settings.seed, settings.threads)
        teacher_styles = [style for style in styles if has_teacher(style, with_references)]
        yield from ((TEACHER, style, teacher) for style in teacher_styles)
    if settings.microast:
        theirs = style_transfer_painter(settings.microast, settings.styles, settings.threads)
        yield from ((MICROAST, style, theirs) for style in with_references)


def lettering(
    engine: Engine, settings: EvaluationSettings, styles: Sequence[str], report: Report
) -> Iterator[tuple[Key, float]]:
    """Yield painter and style with the share of typeset characters read at 1,024 px."""
    pages = typeset_pictures()
    copied = sum(read_share(page, page.pixels) for page in pages) / len(pages)
    draw = full_size(engine, settings.seed)
    for style in styles:
        report(f"lettering in {style}")
        renders = draw([page.pixels for page in pages], style)
        write_pictures(
            style_folder(settings.output, LETTERING, style),
            [page.name.replace(" ", "-") for page in pages],
            renders,
        )
        shares = [read_share(page, render) for page, render in zip(pages, renders, strict=True)]
        yield (OURS, style), sum(shares) / len(shares)
        yield (COPY, style), copied


def _rows(found: Mapping[Key, Figures], style: str) -> dict[str, Figures]:
    order = (OURS, TEACHER, MICROAST, COPY)
    return {painter: found[painter, style] for painter in order if (painter, style) in found}


@dataclass(frozen=True)
class Networks:
    """The networks that measure, where there are any: SqueezeNet and the product's classifier."""

    squeezenet: OnnxSqueezeNet | None = None
    classifier: FeatureNet | None = None


@dataclass
class PhotoFigures:
    """Figures of one photo's pictures, and their embeddings where there is SqueezeNet."""

    figures: dict[Key, Figures] = field(default_factory=dict)
    embeddings: dict[Key, Embedding] = field(default_factory=dict)


def measure(
    output: Path, drawn: Sequence[Key], papers: Papers, networks: Networks, threads: int
) -> Iterator[PhotoFigures]:
    """Measure every photo with each picture made of it, and its own copy in every style."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(
            lambda stem: measure_photo(output, stem, drawn, papers, networks), stems_of(output)
        )


def measure_photo(
    output: Path, stem: str, drawn: Sequence[Key], papers: Papers, networks: Networks
) -> PhotoFigures:
    """Measure one photo's pictures, each as large as the photo."""
    photo = View(read_pixels(output / ORIGINALS / f"{stem}.png"))
    compared, result = comparison(photo, networks.squeezenet), PhotoFigures()
    copied = compared(photo)
    for painter, style in [*((COPY, style) for style in papers), *drawn]:
        render, moved = photo, None
        if painter != COPY:
            render = View(read_pixels(style_folder(output, painter, style) / f"{stem}.png"))
        if painter == OURS:
            moved = read_pixels(style_folder(output, SHIFTED, style) / f"{stem}.png")
        elif painter == COPY:
            moved = shifted(photo.pixels, SHIFT)
        figures, embedding = copied if painter == COPY else compared(render)
        figures = figures | ground_figures(photo, render, papers[style])
        figures |= recognised(networks.classifier, render, style)
        if moved is not None:
            figures["shift"] = shift_difference(render.pixels, moved, SHIFT)
        result.figures[painter, style] = figures
        if embedding is not None:
            result.embeddings[painter, style] = embedding
    return result


Comparison = Callable[[View], tuple[Figures, Embedding | None]]


def comparison(photo: View, squeezenet: OnnxSqueezeNet | None) -> Comparison:
    """Return a function that compares renders with this photo; embeds the photo once."""
    if squeezenet is None:
        return lambda render: (photo_figures(photo, render), None)
    seen = seen_figures(squeezenet, photo)
    return lambda render: (
        photo_figures(photo, render) | seen(render),
        embed(squeezenet, render.picture),
    )


def recognised(classifier: FeatureNet | None, render: View, style: str) -> Figures:
    """Return 1 where the classifier's likeliest style is this; empty for one it does not know."""
    if classifier is None or style not in classifier.styles:
        return {}
    likeliest = int(classifier.describe(to_floats(render.pixels)[None]).styles[0].argmax())
    return {"recognised": float(likeliest == list(classifier.styles).index(style))}


References = Mapping[str, Sequence[Embedding]]


def embed_references(
    styles: Path, squeezenet: OnnxSqueezeNet, threads: int
) -> dict[str, list[Embedding]]:
    """Embed the references of each style; folders with fewer than four pictures are left out."""
    folders = {
        path.name: pictures_under(path) for path in sorted(styles.iterdir()) if path.is_dir()
    }
    enough = {name: paths for name, paths in folders.items() if len(paths) >= FEWEST_REFERENCES}

    def one(path: Path) -> Embedding:
        return embed(squeezenet, without_white_margins(read(path)))

    with ThreadPoolExecutor(threads) as pool:
        return {name: list(pool.map(one, paths.values())) for name, paths in enough.items()}


def summarise(measured: Sequence[PhotoFigures], references: References) -> dict[Key, Figures]:
    """Summarize every painter in every style; figures of sets need embeddings."""
    summary = {
        key: means([photo.figures[key] for photo in measured]) for key in measured[0].figures
    }
    seen = {key: [photo.embeddings[key] for photo in measured] for key in measured[0].embeddings}
    for (painter, style), renders in seen.items():
        mine = summary[painter, style]
        mine |= set_figures(renders, seen[COPY, style], references, style)
        if "frechet" in mine:
            mine["artfid"] = artfid(mine["content"], mine["frechet"])
    for key, share in distinct(seen).items():
        summary[key]["apart"] = share
    return summary


def set_figures(
    renders: Sequence[Embedding], photos: Sequence[Embedding], references: References, style: str
) -> Figures:
    """Compute retrieval and, where the style has references, distance and progress to them."""
    found = retrieved(stacked(renders, "product"), stacked(photos, "product"))
    figures = {"retrieval": float(found.mean())}
    if style in references:
        deep = stacked(references[style], "deep"), stacked(renders, "deep")
        figures["frechet"] = frechet_distance(*deep)
    if style in references and len(references) > 1:
        real = {name: stacked(embedded, "style") for name, embedded in references.items()}
        match = style_match(stacked(renders, "style"), stacked(photos, "style"), real, style)
        figures |= {"progress": match.progress, "accuracy": match.accuracy}
    return figures


def distinct(seen: Mapping[Key, Sequence[Embedding]]) -> dict[Key, float]:
    """Compute `distinct_share` among each painter's styles."""
    shares: dict[Key, float] = {}
    for painter in {painter for painter, _ in seen}:
        styles = [style for name, style in seen if name == painter]
        mine = {style: stacked(seen[painter, style], "style") for style in styles}
        if len(mine) > 1:
            shares |= {(painter, style): share for style, share in distinct_share(mine).items()}
    return shares


HALVINGS = 10
"""Random halvings of the references; each half serves once as model and once as test."""
FEWEST_REFERENCES = 4


@dataclass(frozen=True)
class StyleMatch:
    """progress: 0 the photo, 1 as near as a held-out reference; accuracy: nearest is the own style.

    progress = (copy - render) / (copy - reference), each a ratio: the mean over pictures of the
    distance to the own style's references over the mean of those to the other styles'.
    """

    progress: float
    accuracy: float
    reference_accuracy: float


def style_match(
    renders: AnyFloats, photos: AnyFloats, references: Mapping[str, AnyFloats], style: str
) -> StyleMatch:
    """Match renders [N, D] to their style among all sets of references."""
    own = list(references).index(style)
    real = np.concatenate(list(references.values()))
    among = squared_distances(real, real)
    to_real = [squared_distances(pictures, real) for pictures in (renders, photos)]
    trials = []
    for models, tests in _halves([len(rows) for rows in references.values()]):
        groups = [*to_real, among[tests[own]]]
        trials.append([_ratio_and_share(to_sets(group, among, models), own) for group in groups])
    (ours, accuracy), (copy, _), (reference, reference_accuracy) = np.mean(trials, axis=0).tolist()
    way = copy - reference
    progress = (copy - ours) / way if abs(way) > 1e-3 else 0.0
    return StyleMatch(progress, accuracy, reference_accuracy)


def distinct_share(renders: Mapping[str, AnyFloats]) -> dict[str, float]:
    """Compute for each style the share of its renders that are nearest to its own renders.

    Each style's [N, D] are of the same N products in the same order; the product itself is left
    out of every style, and k equally near styles count 1 / k.
    """
    shares = {}
    for place, mine in enumerate(renders.values()):
        distances = np.stack([to_set_without_own(mine, other) for other in renders.values()], 1)
        own = np.full(len(mine), place)
        shares[list(renders)[place]] = float(share_of_first(distances, own).mean())
    return shares


def retrieved(renders: AnyFloats, photos: AnyFloats) -> AnyFloats:
    """Return [N]: 1 where the nearest photo, by cosine of unit vectors, is the own; ties share."""
    return share_of_first(-renders @ photos.T, np.arange(len(photos)))


def _halves(sizes: Sequence[int]) -> list[tuple[list[Rows], list[Rows]]]:
    """Draw models and tests of every trial, rows per style each; the same at every call."""
    random = np.random.default_rng(0)
    members = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    trials = []
    for _ in range(HALVINGS):
        halves = [np.array_split(random.permutation(rows), 2) for rows in members]
        firsts, seconds = ([half[side] for half in halves] for side in (0, 1))
        trials += [(firsts, seconds), (seconds, firsts)]
    return trials


def _ratio_and_share(distances: AnyFloats, own: int) -> tuple[float, float]:
    """Return own distance over the mean of the others, and the share of own smallest, of [N, K]."""
    others = np.delete(distances, own, axis=1).mean(axis=1)
    first = share_of_first(distances, np.full(len(distances), own))
    return float((distances[:, own] / others).mean()), float(first.mean())
