"""Chooses the gate's bounds from good renders and from renders broken on purpose.

draw_all (photos in every style by the serving path, kept in memory; once as they are, once with the
product cut out and kept as photographed, on paper) -> specimens (good and broken renders with their
figures) -> tables_of (nine candidate bounds per style and figure, what passes
and what fails at each) -> bounds_of_tables.

Breakages stand for known failures: pictures mixed up, a network without output, a network out of
control, ground that is not clean, a pale product rendered as paper, a rim about a product that was
cut out, colours that are not the product's. Each is made from good renders
and depends on the photo's position alone, so that a sheet can make it again without storing it.

The rule: of the candidates that pass at least KEPT of the good renders, take the one with the best
balanced accuracy, the mean of the share of good renders that pass and of the mean share, over the
breakages that the figure has to detect, of broken renders that fail. Of equal ones take the middle,
as far from the good as from the broken; where none passes enough, the one that passes most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from schemas.events import Quality, StyleDefinition
from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.inputs import spread
from stylecore.imaging.photo import Pixels, decode, to_floats, to_pixels
from stylecore.rendering.draw import (
    Source,
    Staging,
    Task,
    compose,
    draw,
    meant_ground,
    source_for,
    source_of,
    task_of,
)
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import LEAST_SEEN, QualityModel, describe, gate_target, measure
from stylecore.rendering.manifest import (
    FIGURES,
    SMALLER_IS_BETTER,
    Bounds,
    GeneratorManifest,
    misses,
)
from stylecore.rendering.matte import MatteNet, cut_out

Key = tuple[str, str]
"""Photo's name and style."""

MAX_PIXELS, BATCH = 50_000_000, 8


@dataclass(frozen=True)
class Drawn:
    """Photos and their renders in every style, at the working size."""

    good: str
    """GOOD, or CUT_OUT where products were cut out and keep their colours."""
    stems: tuple[str, ...]
    styles: tuple[str, ...]
    tasks: Mapping[Key, Task]
    pictures: Mapping[Key, Pixels]
    manifest: GeneratorManifest
    """Of the generator that rendered them."""

    def source(self, stem: str) -> Source:
        """Return a photo."""
        return self.tasks[stem, self.styles[0]].source


def photos_of(folders: Sequence[Path], limit: int) -> dict[str, Path]:
    """Choose about `limit` photos, equally many per folder at even distances, name to file.

    Names have folder and stem, such as 'mugs/mug-harbour'. Raises Permanent where a folder has
    fewer than three photos, or two share a name.
    """
    share = max(3, limit // len(folders))
    chosen = [path for folder in folders for path in spread([folder], share).values()]
    return {f"{path.parent.name}/{path.stem}": path for path in chosen}


def draw_all(
    engine: Engine,
    photos: Mapping[str, Path],
    styles: Sequence[str],
    seed: int,
    progress: Callable[[str], None],
    matte_net: MatteNet | None = None,
) -> Drawn:
    """Render every photo in every style, two at least. Raises NotAPhoto, UnknownStyle.

    With a matte network the products are cut out and kept as photographed, on paper; photos whose
    matte is uncertain are left out.
    """
    if len(styles) < 2:
        raise SettingsError("a style is broken by showing another one: give two styles or more")
    side = engine.manifest.working_size
    tasks: dict[Key, Task] = {}
    pictures: dict[Key, Pixels] = {}
    for number, (stem, path) in enumerate(photos.items(), start=1):
        photo = decode(path.read_bytes(), short_side=side, max_pixels=MAX_PIXELS)
        if matte_net is None:
            source, definition = source_of(photo), partial(StyleDefinition, seed=seed)
        else:
            source = source_for(cut_out(photo, matte_net), Staging("paper"))
            definition = partial(StyleDefinition, seed=seed, ground="paper", product_strength=0.0)
            if source.product is None:
                continue
        mine = {
            style: task_of(source, definition(weights={style: 1.0}), engine.manifest)
            for style in styles
        }
        tasks |= {(stem, style): task for style, task in mine.items()}
        names = {id(task): style for style, task in mine.items()}
        for task, render in draw(engine, mine.values(), BATCH):
            pictures[stem, names[id(task)]] = compose(task, render, engine)
        if number % 8 == 0:
            progress(f"{number} of {len(photos)} photos drawn")
    stems = tuple(stem for stem in photos if (stem, styles[0]) in tasks)
    good = GOOD if matte_net is None else CUT_OUT
    return Drawn(good, stems, tuple(styles), tasks, pictures, engine.manifest)


GOOD, CUT_OUT = "good", "cut out"

BLUR_SHARE, NOISE, TILES = 1 / 40, 0.3, 8
"""Sigma of the blur over the short side; deviation of the noise; shuffled tiles per side."""

DIRT, FADED, VANISHED = 0.12, 0.5, 0.95
"""Largest darkening by dirt; share of white in a faded render, of ground in a vanished one."""

HALO, HALO_WIDTH, CAST = 0.2, 3, (1.0, 0.8, 0.6)
"""Share of black or white in a halo, and its pixels; what a warm cast leaves of each channel."""


def other_product(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Show the next photo's render in the same style."""
    place = drawn.stems.index(stem)
    picture = drawn.pictures[drawn.stems[(place + 1) % len(drawn.stems)], style]
    height, width = drawn.pictures[stem, style].shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width, height)))


def other_style(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Show the same photo in another style, which varies with the photo."""
    steps = 1 + drawn.stems.index(stem) % (len(drawn.styles) - 1)
    place = (drawn.styles.index(style) + steps) % len(drawn.styles)
    return drawn.pictures[stem, drawn.styles[place]]


def copy(drawn: Drawn, stem: str, style: str) -> Pixels:  # noqa: ARG001 (as the others)
    """Show the photo itself."""
    return to_pixels(drawn.source(stem).pixels)


def blurred(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Blur the render heavily."""
    picture = to_floats(drawn.pictures[stem, style])
    sigma = BLUR_SHARE * min(picture.shape[:2])
    return to_pixels(ndimage.gaussian_filter(picture, (sigma, sigma, 0)))


def noisy(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Add heavy noise to every pixel."""
    picture = to_floats(drawn.pictures[stem, style])
    noise = _random(drawn, stem).normal(0, NOISE, picture.shape).astype(np.float32)
    return to_pixels(picture + noise)


def shuffled(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Shuffle the render's tiles."""
    picture = drawn.pictures[stem, style].copy()
    height, width = (side // TILES for side in picture.shape[:2])
    places = [(row * height, column * width) for row in range(TILES) for column in range(TILES)]
    tiles = [picture[top : top + height, left : left + width].copy() for top, left in places]
    for place, (top, left) in zip(
        _random(drawn, stem).permutation(len(tiles)), places, strict=True
    ):
        picture[top : top + height, left : left + width] = tiles[place]
    return picture


def dirty(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Add grey clouds to picture and ground."""
    picture = to_floats(drawn.pictures[stem, style])
    return to_pixels(picture * (1 - DIRT * _clouds(picture, drawn, stem)))


def faded(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Fade the render halfway to white."""
    return to_pixels(1 + (1 - FADED) * (to_floats(drawn.pictures[stem, style]) - 1))


def vanished(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Fade the product until it hardly differs from its ground."""
    ground = meant_ground(drawn.tasks[stem, style], drawn.manifest)
    return to_pixels(ground + (1 - VANISHED) * (to_floats(drawn.pictures[stem, style]) - ground))


def haloed(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Draw a rim about the product, darker than light ground and lighter than dark ground."""
    picture = to_floats(drawn.pictures[stem, style])
    product = drawn.source(stem).mask > LEAST_SEEN
    rim = ndimage.binary_dilation(product, iterations=HALO_WIDTH) & ~product
    other = np.float32(picture[rim].mean() < 0.5) if rim.any() else np.float32(0)
    picture[rim] += HALO * (other - picture[rim])
    return to_pixels(picture)


def cast(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Give the product a warm cast."""
    picture = to_floats(drawn.pictures[stem, style])
    tinted = picture * np.array(CAST, np.float32)
    return to_pixels(picture + drawn.source(stem).mask[..., None] * (tinted - picture))


def _random(drawn: Drawn, stem: str) -> np.random.Generator:
    return np.random.default_rng(drawn.stems.index(stem))


def _clouds(picture: Floats, drawn: Drawn, stem: str) -> Floats:
    """Draw about a dozen soft spots, [H, W, 1] in [0, 1]."""
    coarse = _random(drawn, stem).random((5, 5), np.float32)
    height, width = picture.shape[:2]
    wide = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(wide, np.float32).clip(0, 1)[..., None]


Breakage = Callable[[Drawn, str, str], Pixels]
WHOLE_BREAKAGES: dict[str, Breakage] = {
    "other product": other_product,
    "other style": other_style,
    "copy": copy,
    "blurred": blurred,
    "noisy": noisy,
    "shuffled": shuffled,
    "dirty": dirty,
    "faded": faded,
    "vanished": vanished,
}
CUT_OUT_BREAKAGES: dict[str, Breakage] = {"haloed": haloed, "cast": cast}
BREAKAGES = WHOLE_BREAKAGES | CUT_OUT_BREAKAGES

ANSWERABLE = {
    "identity": ("other product", "shuffled"),
    "structure": ("blurred", "noisy", "shuffled"),
    "style": ("other style", "copy", "faded"),
    "background": ("dirty",),
    "visibility": ("vanished",),
    "halo": ("haloed",),
    "colour": ("cast",),
}
"""The breakages that each figure has to detect."""


def picture_of(kind: str, drawn: Drawn, stem: str, style: str) -> Pixels:
    """Return the good render of a photo in a style, or a broken one."""
    if kind == drawn.good:
        return drawn.pictures[stem, style]
    return BREAKAGES[kind](drawn, stem, style)


def good_kind(figure: str) -> str:
    """Return the kind of the good renders by which a figure's bound is chosen."""
    return CUT_OUT if set(ANSWERABLE[figure]) <= CUT_OUT_BREAKAGES.keys() else GOOD


KINDS_OF = {GOOD: (GOOD, *WHOLE_BREAKAGES), CUT_OUT: (CUT_OUT, *CUT_OUT_BREAKAGES)}
KINDS = tuple(kind for kinds in KINDS_OF.values() for kind in kinds)


@dataclass(frozen=True)
class Specimen:
    """One render, good or broken in a known way, with its figures."""

    stem: str
    style: str
    kind: str
    quality: Quality


def specimens(
    drawn: Drawn,
    quality_model: QualityModel,
    manifest: GeneratorManifest,
    threads: int,
    progress: Callable[[str], None],
) -> list[Specimen]:
    """Measure every photo in every style, good and broken in every way, photo by photo."""

    def of(stem: str) -> list[Specimen]:
        return list(_specimens(drawn, quality_model, manifest, stem))

    found: list[Specimen] = []
    with ThreadPoolExecutor(threads) as pool:
        for number, more in enumerate(pool.map(of, drawn.stems), start=1):
            found += more
            if number % 8 == 0:
                progress(f"{number} of {len(drawn.stems)} photos measured")
    return found


def _specimens(
    drawn: Drawn, quality_model: QualityModel, manifest: GeneratorManifest, stem: str
) -> Iterator[Specimen]:
    (photo,) = describe(quality_model, [drawn.source(stem)])
    kinds = KINDS_OF[drawn.good]
    for style in drawn.styles:
        target = gate_target(drawn.tasks[stem, style], photo, manifest)
        pictures = [picture_of(kind, drawn, stem, style) for kind in kinds]
        for kind, quality in zip(
            kinds, measure(quality_model, [target] * len(kinds), pictures), strict=True
        ):
            yield Specimen(stem, style, kind, quality)


CANDIDATES = 9

KEPT = 0.97

DECIMALS = {
    "identity": 3,
    "structure": 3,
    "style": 4,
    "background": 2,
    "visibility": 1,
    "halo": 1,
    "colour": 1,
}


@dataclass(frozen=True)
class Candidate:
    """A bound, the share of good renders that pass and of each breakage that fails."""

    bound: float
    passed: float
    failed: Mapping[str, float]
    accuracy: float
    """Balanced accuracy over the breakages that the figure has to detect."""


@dataclass(frozen=True)
class Table:
    """The candidates of a figure in one style, from loose to strict, and the chosen one."""

    style: str
    figure: str
    good: int
    """Number of good renders that have the figure."""
    candidates: tuple[Candidate, ...]
    chosen: Candidate


def tables_of(found: Sequence[Specimen], style: str) -> list[Table]:
    """Build a table for each figure that the style's good renders have."""
    tables = []
    for figure in FIGURES:
        good = good_kind(figure)
        values = _values(found, style, figure, KINDS_OF[good])
        if good in values:
            bounds = candidate_bounds(figure, values)
            candidates = tuple(_candidate(figure, bound, values) for bound in bounds)
            tables.append(Table(style, figure, len(values[good]), candidates, choose(candidates)))
    return tables


def _values(
    found: Sequence[Specimen], style: str, figure: str, kinds: Sequence[str]
) -> dict[str, list[float]]:
    """Collect the values of a figure by kind, where it was measured."""
    values: dict[str, list[float]] = {}
    for specimen in found:
        value = getattr(specimen.quality, figure)
        if specimen.style == style and specimen.kind in kinds and value is not None:
            values.setdefault(specimen.kind, []).append(value)
    return values


def candidate_bounds(figure: str, values: Mapping[str, Sequence[float]]) -> list[float]:
    """Space nine bounds evenly from loose to strict, between broken and good renders.

    Bounds of style are even in their logarithms, because its probabilities crowd at 0.
    The loosest is the worst good value, or the middle of the broken ones where that is worse; the
    strictest fails a tenth of the good.
    """
    sign = -1 if figure in SMALLER_IS_BETTER else 1
    good = sign * np.array(values[good_kind(figure)])
    broken = sign * np.concatenate([values[kind] for kind in ANSWERABLE[figure]])
    unit = 10.0 ** -DECIMALS[figure]
    loosest = min(good.min(), np.median(broken)) - unit
    strictest = max(np.quantile(good, 0.1), loosest + CANDIDATES * unit)
    if figure == "style":
        even = np.geomspace(max(loosest, unit), strictest, CANDIDATES)
        even[0] = max(loosest, 0)
    else:
        even = np.linspace(loosest, strictest, CANDIDATES)
    return [float(sign * bound) + 0.0 for bound in np.round(even, DECIMALS[figure])]


def _candidate(figure: str, bound: float, values: Mapping[str, Sequence[float]]) -> Candidate:
    failed = {
        kind: float(np.mean([misses(figure, value, bound) for value in given]))
        for kind, given in values.items()
    }
    passed = 1 - failed.pop(good_kind(figure))
    caught = float(np.mean([failed[kind] for kind in ANSWERABLE[figure]]))
    return Candidate(bound, passed, failed, (passed + caught) / 2)


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Choose a candidate by the module's rule."""
    kept = [candidate for candidate in candidates if candidate.passed >= KEPT]
    if not kept:
        return max(candidates, key=lambda candidate: candidate.passed)
    best = max(candidate.accuracy for candidate in kept)
    equal = [candidate for candidate in kept if candidate.accuracy > best - 1e-9]
    return equal[(len(equal) - 1) // 2]


def bounds_of_tables(tables: Sequence[Table]) -> Bounds:
    """Collect the bounds chosen in one style's tables."""
    return Bounds(**{table.figure: table.chosen.bound for table in tables})
