"""From photos examined one by one to a painter's figures in a style: means, and figures of sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stylecore.evaluation.artfid import artfid, frechet_distance
from stylecore.evaluation.embeddings import Embedding, embed, stacked
from stylecore.evaluation.examining import Examined, Key
from stylecore.evaluation.painters import COPY
from stylecore.evaluation.pairs import Figures
from stylecore.evaluation.perceptual import Eye
from stylecore.evaluation.pictures import pictures_under, read, without_white_margins
from stylecore.evaluation.style_match import (
    FEWEST_REFERENCES,
    found_again,
    style_match,
    told_apart,
)

References = Mapping[str, Sequence[Embedding]]


def embed_references(styles: Path, eye: Eye, threads: int) -> dict[str, list[Embedding]]:
    """Style to its references' embeddings; folders with fewer than four pictures are left out."""
    folders = {
        path.name: pictures_under(path) for path in sorted(styles.iterdir()) if path.is_dir()
    }
    enough = {name: paths for name, paths in folders.items() if len(paths) >= FEWEST_REFERENCES}

    def one(path: Path) -> Embedding:
        return embed(eye, without_white_margins(read(path)))

    with ThreadPoolExecutor(threads) as pool:
        return {name: list(pool.map(one, paths.values())) for name, paths in enough.items()}


def summarise(examined: Sequence[Examined], references: References) -> dict[Key, Figures]:
    """The figures of every painter in every style; those of sets only where there was an eye."""
    summary = {
        key: means([photo.figures[key] for photo in examined]) for key in examined[0].figures
    }
    seen = {key: [photo.embeddings[key] for photo in examined] for key in examined[0].embeddings}
    for (painter, style), renders in seen.items():
        mine = summary[painter, style]
        mine |= set_figures(renders, seen[COPY, style], references, style)
        if "frechet" in mine:
            mine["artfid"] = artfid(mine["content"], mine["frechet"])
    for key, share in apart(seen).items():
        summary[key]["apart"] = share
    return summary


def set_figures(
    renders: Sequence[Embedding], photos: Sequence[Embedding], references: References, style: str
) -> Figures:
    """Found again; where the style has references also the distance and progress to them."""
    found = found_again(stacked(renders, "product"), stacked(photos, "product"))
    figures = {"retrieval": float(found.mean())}
    if style in references:
        deep = stacked(references[style], "deep"), stacked(renders, "deep")
        figures["frechet"] = frechet_distance(*deep)
    if style in references and len(references) > 1:
        real = {name: stacked(embedded, "style") for name, embedded in references.items()}
        match = style_match(stacked(renders, "style"), stacked(photos, "style"), real, style)
        figures |= {"progress": match.progress, "accuracy": match.accuracy}
    return figures


def apart(seen: Mapping[Key, Sequence[Embedding]]) -> dict[Key, float]:
    """Told apart, each painter's styles among themselves."""
    shares: dict[Key, float] = {}
    for painter in {painter for painter, _ in seen}:
        styles = [style for name, style in seen if name == painter]
        mine = {style: stacked(seen[painter, style], "style") for style in styles}
        if len(mine) > 1:
            shares |= {(painter, style): share for style, share in told_apart(mine).items()}
    return shares


def means(rows: Sequence[Figures]) -> Figures:
    """The mean of each figure over the photos that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
