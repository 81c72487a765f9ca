"""Reads the pictures of an evaluation back and measures them, photo by photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from stylecore.evaluation.artefacts import shift_difference
from stylecore.evaluation.embeddings import Embedding, embed
from stylecore.evaluation.folders import ORIGINALS, SHIFTED, read_pixels, stems_of, style_folder
from stylecore.evaluation.painters import COPY, OURS
from stylecore.evaluation.pairs import Figures, ground_figures, photo_figures, seen_figures
from stylecore.evaluation.perceptual import Eye
from stylecore.evaluation.pictures import shifted
from stylecore.features import FeatureNet
from stylecore.imaging.foreground import Colour, View
from stylecore.imaging.photo import to_floats

SHIFT = 3
"""px; the strides of a network multiply to 4 or 8, so that a shift of 4 would hide what moves."""

Key = tuple[str, str]
"""Painter and style."""
Papers = Mapping[str, Colour | None]
"""Style to its paper, for every style of the generator."""


@dataclass(frozen=True)
class Judges:
    """The networks that look: SqueezeNet, and the product's own classifier, where they are."""

    eye: Eye | None = None
    classifier: FeatureNet | None = None


@dataclass
class Examined:
    """What one photo's pictures gave; embeddings only where there is an eye."""

    figures: dict[Key, Figures] = field(default_factory=dict)
    embeddings: dict[Key, Embedding] = field(default_factory=dict)


def examine(
    output: Path, drawn: Sequence[Key], papers: Papers, judges: Judges, threads: int
) -> Iterator[Examined]:
    """Every photo with each picture made of it, and with its own copy in every style."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(
            lambda stem: examine_photo(output, stem, drawn, papers, judges), stems_of(output)
        )


def examine_photo(
    output: Path, stem: str, drawn: Sequence[Key], papers: Papers, judges: Judges
) -> Examined:
    """One photo's figures, each picture as large as the photo."""
    photo = View(read_pixels(output / ORIGINALS / f"{stem}.png"))
    compared, result = comparison(photo, judges.eye), Examined()
    same = compared(photo)
    still = {"shift": shift_difference(photo.pixels, shifted(photo.pixels, SHIFT), SHIFT)}
    for style, paper in papers.items():
        _add(result, (COPY, style), same)
        result.figures[COPY, style] |= still | ground_figures(photo, photo, paper)
        result.figures[COPY, style] |= recognised(judges.classifier, photo, style)
    for painter, style in drawn:
        render = View(read_pixels(style_folder(output, painter, style) / f"{stem}.png"))
        _add(result, (painter, style), compared(render))
        result.figures[painter, style] |= ground_figures(photo, render, papers[style])
        result.figures[painter, style] |= recognised(judges.classifier, render, style)
        if painter == OURS:
            moved = read_pixels(style_folder(output, SHIFTED, style) / f"{stem}.png")
            difference = shift_difference(render.pixels, moved, SHIFT)
            result.figures[painter, style]["shift"] = difference
    return result


Comparison = Callable[[View], tuple[Figures, Embedding | None]]


def comparison(photo: View, eye: Eye | None) -> Comparison:
    """A function that compares pictures with this photo; the photo is looked at once."""
    if eye is None:
        return lambda render: (photo_figures(photo, render), None)
    seen = seen_figures(eye, photo)
    return lambda render: (photo_figures(photo, render) | seen(render), embed(eye, render.picture))


def recognised(classifier: FeatureNet | None, render: View, style: str) -> Figures:
    """1 where the classifier's likeliest style is this one; nothing where it does not know it."""
    if classifier is None or style not in classifier.styles:
        return {}
    likeliest = int(classifier.describe(to_floats(render.pixels)[None]).styles[0].argmax())
    return {"recognised": float(likeliest == list(classifier.styles).index(style))}


def _add(result: Examined, key: Key, compared: tuple[Figures, Embedding | None]) -> None:
    figures, embedding = compared
    result.figures[key] = dict(figures)
    if embedding is not None:
        result.embeddings[key] = embedding
