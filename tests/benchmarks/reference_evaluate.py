"""How near renders come to reference pictures that nobody trained on: palette and stroke.

    python tests/benchmarks/reference_evaluate.py --generator DIR --references DIR... --photos DIR
                                              --perceptual NPZ --sheet FILE [--limit 5]

Palette: sliced Wasserstein distance (Rabin et al. 2011) in CIELAB between the product's pixels and
the reference's. Stroke: distance of correlation Grams in grey of one contrast. Both beside the copy
of the photo, the photo recoloured alone, and each style of the generator. The subject counts in
both figures, so 0 is out of reach; the stroke's eye is the one that the encoder was fitted with.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from skimage.color import rgb2lab

from schemas.events import StyleDefinition
from stylecore.arrays import Doubles, Floats
from stylecore.gan.pairs import balanced
from stylecore.gan.reference.fit import gram_distance
from stylecore.gan.reference.network import standard_grey
from stylecore.gan.squeezenet import Features, SqueezeNet, load_squeezenet
from stylecore.imaging.contact_sheet import contact_sheet
from stylecore.imaging.photo import Photo, Pixels, decode, to_floats
from stylecore.rendering.draw import Source, Task, compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.postprocess import PHOTO_GROUND, Colouring, recoloured
from stylecore.rendering.style import Reference, load_encoder, reference_of

SLICES, QUANTILES, LIMIT = 24, 100, 10**9
Figures = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Seen:
    """What is compared: quantiles of colours [QUANTILES, SLICES] and the eye's features."""

    colours: Doubles
    features: Features


def seen(picture: Floats, mask: Floats | None, eye: SqueezeNet) -> Seen:
    """A picture [H, W, 3], its colours where the mask [H, W] says product."""
    lab = rgb2lab(picture)[np.ones(picture.shape[:2], bool) if mask is None else mask > 0.5]
    slices = np.random.default_rng(0).normal(size=(3, SLICES))
    slices /= np.linalg.norm(slices, axis=0)
    colours = np.quantile(lab @ slices, np.linspace(0.005, 0.995, QUANTILES), axis=0)
    with torch.no_grad():
        grey = standard_grey(torch.from_numpy(picture).permute(2, 0, 1)[None])
        return Seen(colours, eye(grey))


def distances(one: Seen, other: Seen) -> tuple[float, float]:
    """Palette (Delta E) and stroke."""
    stroke = gram_distance(one.features, other.features).item()
    return float(np.abs(one.colours - other.colours).mean()), stroke


def evaluate(
    engine: Engine,
    source: Source,
    references: Sequence[Reference],
    wanted: Sequence[Seen],
    eye: SqueezeNet,
    figures: Figures,
) -> list[Pixels]:
    """Adds one photo's figures under every reference; returns its renders."""
    fixed = {
        style.style_id: StyleDefinition(weights={style.style_id: 1.0})
        for style in engine.manifest.styles
    }
    plain = {name: task_of(source, given, engine.manifest) for name, given in fixed.items()}
    baselines = {name: to_floats(_drawn(engine, task)) for name, task in plain.items()}
    shown = {name: seen(picture, source.mask, eye) for name, picture in baselines.items()}
    shown["the photo"] = seen(source.pixels, source.mask, eye)
    like = StyleDefinition(reference_uri="reference")
    renders = []
    for reference, target in zip(references, wanted, strict=True):
        pixels = _drawn(engine, task_of(source, like, engine.manifest, reference))
        colouring = Colouring(reference=reference)
        photo = recoloured(source.pixels, source.pixels, source.mask, PHOTO_GROUND, colouring)
        pictures = {"under the reference": to_floats(pixels), "recoloured alone": photo}
        for name, picture in pictures.items():
            figures[name].append(distances(seen(picture, source.mask, eye), target))
        for name, baseline in shown.items():
            figures[name].append(distances(baseline, target))
        renders.append(pixels)
    return renders


def _drawn(engine: Engine, task: Task) -> Pixels:
    ((_, render),) = draw(engine, [task], 1)
    return compose(task, render, engine)


def _decoded(path: Path, engine: Engine) -> Photo:
    return decode(path.read_bytes(), short_side=engine.manifest.working_size, max_pixels=LIMIT)


def main() -> None:
    """Print the table, best palette first, and write a sheet of references by photos."""
    parser = argparse.ArgumentParser(description="Measure renders under unseen references.")
    for name in ("generator", "photos", "perceptual", "sheet"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--references", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    engine = Engine(given.generator, provider="cpu", threads=1)
    encoder, eye = load_encoder(given.generator, engine.manifest), load_squeezenet(given.perceptual)
    pictures = [
        _decoded(path, engine) for folder in given.references for path in sorted(folder.iterdir())
    ]
    references = [reference_of(picture, encoder) for picture in pictures]
    wanted = [seen(to_floats(picture.pixels), None, eye) for picture in pictures]
    figures: Figures = defaultdict(list)
    rows = [{"reference": picture.pixels} for picture in pictures]
    for index, path in enumerate(balanced([given.photos], given.limit)):
        source = source_of(_decoded(path, engine))
        renders = evaluate(engine, source, references, wanted, eye, figures)
        for row, pixels in zip(rows, renders, strict=True):
            row[f"photo {index + 1}"] = pixels
    names = ["reference", *(f"photo {index + 1}" for index in range(given.limit))]
    contact_sheet(rows, names).save(given.sheet, quality=90)
    print(f"{'':22} palette  stroke")
    for name, found in sorted(figures.items(), key=lambda item: np.mean(item[1], axis=0)[0]):
        palette, stroke = np.mean(found, axis=0)
        print(f"{name:22} {palette:7.2f} {stroke:7.3f}")


if __name__ == "__main__":
    main()
