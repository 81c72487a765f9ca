"""What the gate says of good and of broken renders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from schemas.events import Quality
from stylecore.calibration.broken import BREAKAGES, GOOD, picture_of
from stylecore.calibration.drawn import Drawn
from stylecore.gate import Examiner, describe, measure, wanted_of
from stylecore.manifest import GeneratorManifest

KINDS = (GOOD, *BREAKAGES)


@dataclass(frozen=True)
class Specimen:
    """One render, good or broken in a known way, and its figures."""

    stem: str
    style: str
    kind: str
    quality: Quality


def specimens(
    drawn: Drawn,
    examiner: Examiner,
    manifest: GeneratorManifest,
    threads: int,
    progress: Callable[[str], None],
) -> list[Specimen]:
    """Every photo in every style, good and broken in every way, photo by photo."""

    def of(stem: str) -> list[Specimen]:
        return list(_specimens(drawn, examiner, manifest, stem))

    found: list[Specimen] = []
    with ThreadPoolExecutor(threads) as pool:
        for number, more in enumerate(pool.map(of, drawn.stems), start=1):
            found += more
            if number % 8 == 0:
                progress(f"{number} of {len(drawn.stems)} photos measured")
    return found


def _specimens(
    drawn: Drawn, examiner: Examiner, manifest: GeneratorManifest, stem: str
) -> Iterator[Specimen]:
    (embedding,) = describe(examiner, [drawn.source(stem)])
    for style in drawn.styles:
        wanted = wanted_of(drawn.tasks[stem, style], embedding, manifest)
        pictures = [picture_of(kind, drawn, stem, style) for kind in KINDS]
        for kind, quality in zip(
            KINDS, measure(examiner, [wanted] * len(KINDS), pictures), strict=True
        ):
            yield Specimen(stem, style, kind, quality)
