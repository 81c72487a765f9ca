"""How well new products find their shoppers: by category, by looks, by both, and after clicks.

`python tests/benchmarks/bench_newcomers.py [--photos FOLDER]` prints a table. A fifth of the
products is kept from the fit; each shopper then picks one of them, and Recall@10 is how often that
one is among the ten of them that rank highest for the shopper. Shoppers pick by
exp(taste . product), with hidden vectors of eight dimensions: a product's is its category's plus
its own. `nothing` is a start of 0, and so ALS's own step once there are clicks.

What it is worth. Without photos, embeddings are a random projection of the hidden vectors with so
much noise, so the table tells how much a correlation of looks and taste would be worth, and not
that there is one. With photos (a folder of categories), embeddings are the feature network's own
and the hidden vector is the photo's category and colours, measured without the network: it tells
whether the embedding carries within a category what the eye sees first. That shoppers go by it is
an assumption in both; only a shop's log can show it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
import worlds  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from rows import Row, row  # noqa: E402

from stylecore.recommender.als import FitSettings, fit  # noqa: E402
from stylecore.recommender.catalog import Catalogue  # noqa: E402
from stylecore.recommender.cold_start import photo_embeddings, starts  # noqa: E402
from stylecore.recommender.foldin import (  # noqa: E402
    Histories,
    fold_in,
    fold_in_items,
    whitening,
)
from stylecore.recommender.rules import Rules  # noqa: E402
from stylecore.storage.render_cache import Embedding  # noqa: E402

Doubles = NDArray[np.float64]

CATEGORIES, PRODUCTS, SHOPPERS, DIMENSIONS, EMBEDDED = 6, 300, 1500, 8, 64
TOP = 10
STARTS = {"nothing": None, "category": 0.0, "looks": 1.0, "both": 0.5}


@dataclass(frozen=True)
class World:
    """Products with hidden vectors, [P, D], categories, [P], and what a network saw, [P, E]."""

    hidden: Doubles
    categories: NDArray[np.int64]
    seen: Doubles


def made_up(noise: float, random: np.random.Generator) -> World:
    """Embeddings are the hidden vectors, projected, with noise of so many times their size."""
    categories = np.arange(PRODUCTS) % CATEGORIES
    centres = random.normal(size=(CATEGORIES, DIMENSIONS))
    hidden = centres[categories] + random.normal(size=(PRODUCTS, DIMENSIONS))
    seen = hidden @ random.normal(size=(DIMENSIONS, EMBEDDED)) / np.sqrt(DIMENSIONS)
    seen = seen / seen.std() + noise * random.normal(size=seen.shape)
    return World(hidden / hidden.std(), categories, _units(seen))


def of_photos(folder: Path, random: np.random.Generator) -> World:
    """Hidden vectors are categories and colours of photos, turned by chance to eight dimensions."""
    from PIL import Image

    from stylecore.models import FEATURES
    from stylecore.rendering.features import FeatureNet, squash

    net = FeatureNet(FEATURES)
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    paths = [(code, path) for code, own in enumerate(folders) for path in sorted(own.iterdir())]
    chosen = [paths[place] for place in random.permutation(len(paths))[:PRODUCTS]]
    pixels = [np.asarray(Image.open(path).convert("RGB")) for _, path in chosen]
    side = net.manifest.input_side
    seen = np.vstack([net.describe_squashed(squash(one, side)[None]).embedding for one in pixels])
    colours = np.stack([_colours(one) for one in pixels])
    categories = np.array([code for code, _ in chosen])
    colours = (colours - colours.mean(axis=0)) / colours.std(axis=0)
    own = colours @ random.normal(size=(colours.shape[1], DIMENSIONS))
    centres = random.normal(size=(len(folders), DIMENSIONS)) * own.std()
    hidden = centres[categories] + own
    return World(hidden / hidden.std(), categories, seen.astype(np.float64))


def _colours(pixels: NDArray[np.uint8]) -> Doubles:
    """Mean and spread of each channel over the middle of the photo, [6]."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 4 : -height // 4, width // 4 : -width // 4].reshape(-1, 3)
    return np.concatenate([middle.mean(axis=0), middle.std(axis=0)])


def table(world: World, random: np.random.Generator) -> dict[str, list[float]]:
    """Recall@10 of new products by start, with 0, 3, 10 and 30 clicks on each of them."""
    products = len(world.hidden)
    new = np.sort(random.permutation(products)[: products // 5])
    old = np.setdiff1d(np.arange(products), new)
    tastes = random.normal(size=(SHOPPERS, DIMENSIONS))
    liking = 0.7 * tastes @ world.hidden.T + random.gumbel(size=(SHOPPERS, products))
    catalogue = _catalogue(world.categories)
    states = _states(liking[:, old], old, random)
    factors = fit(states, catalogue, None, FitSettings(width=32), Rules(), worlds.NOW)
    if factors is None:
        raise SystemExit("nothing to fit to")
    known = np.array([catalogue.row_of[name] for name in factors.product_ids])
    photos = photo_embeddings([str(row) for row in range(products)], _network(world.seen))
    codes = catalogue.category_codes
    shoppers = _shoppers(states, factors.product_factors, catalogue, known)
    picks = liking[:, new].argmax(axis=1)
    found = {}
    for name, share in STARTS.items():
        start = np.zeros((len(new), shoppers.shape[1]), dtype=np.float32)
        if share is not None:
            start = starts(factors.product_factors, known, new, codes, photos, share)
        found[name] = [
            _recall(fold_in_items(start, shoppers, clicks, 0.05), shoppers, picks)
            for clicks in (_clicks(liking[:, new], count) for count in (0, 3, 10, 30))
        ]
    return found


def _recall(new: NDArray[np.float32], shoppers: NDArray[np.float32], picks: Doubles) -> float:
    """Over the second half of the shoppers, who clicked on no new product."""
    scores = (shoppers @ new.T)[SHOPPERS // 2 :]
    own = scores[np.arange(len(scores)), picks[SHOPPERS // 2 :]][:, None]
    ranks = 1 + (scores > own).sum(axis=1) + 0.5 * ((scores == own).sum(axis=1) - 1)
    return float((ranks <= TOP).mean())


def _clicks(liking: Doubles, count: int) -> Histories:
    """Each new product is clicked by those of the first half of the shoppers who like it most."""
    chosen = np.argsort(-liking[: SHOPPERS // 2], axis=0)[:count].T
    ones = np.ones(chosen.size, dtype=np.float32)
    return Histories(np.arange(len(chosen) + 1) * count, chosen.ravel(), 2 * ones, ones)


def _states(liking: Doubles, rows: NDArray[np.int64], random: np.random.Generator) -> list:
    lengths = worlds.lengths(SHOPPERS, random)
    best = np.argsort(-liking, axis=1)
    return [
        worlds.shopper(f"u{n}", rows[best[n, :length]], random)
        for n, length in enumerate(np.maximum(lengths, 3).tolist())
    ]


def _shoppers(states: list, factors: NDArray[np.float32], catalogue: Catalogue, known) -> Doubles:
    place_of = {row: place for place, row in enumerate(known.tolist())}
    rows = [
        [place_of[catalogue.row_of[item.product_id]] for item in s.interactions] for s in states
    ]
    entries = np.array([row for own in rows for row in own])
    ones = np.ones(len(entries), dtype=np.float32)
    starts_at = np.concatenate([[0], np.cumsum([len(own) for own in rows])])
    white = whitening(factors, 0.05)
    histories = Histories(starts_at, entries, 2 * ones, ones)
    return white.unwhiten(fold_in(white.whiten(factors), histories).vectors)


def _catalogue(categories: NDArray[np.int64]) -> Catalogue:
    from msgspec.structs import replace

    catalogue = Catalogue()
    for number, code in enumerate(categories.tolist()):
        catalogue.put_product(replace(worlds.product(number), category=f"category-{code}"))
    return catalogue


def _network(seen: Doubles) -> Callable[[str], Embedding]:
    return lambda row: Embedding(model="one", vector=seen[int(row)].tolist())


def _units(rows: Doubles) -> Doubles:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the starts of new products.")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    noises = [None] if given.photos else [0.5, 1.0, 2.0, 100.0]
    print(
        f"Recall@{TOP} of new products, mean and spread of {given.seeds} seeds, after clicks each"
    )
    print(f"{'looks':>12} {'start':>9} {'0':>13} {'3':>13} {'10':>13} {'30':>13}")
    for noise in noises:
        runs = []
        for seed in range(given.seeds):
            random = np.random.default_rng(seed)
            world = of_photos(given.photos, random) if noise is None else made_up(noise, random)
            runs.append(table(world, random))
        for start in STARTS:
            cells = np.array([run[start] for run in runs])
            told = "  ".join(
                f"{m:.3f} ± {s:.3f}" for m, s in zip(cells.mean(0), cells.std(0), strict=True)
            )
            print(f"{'photos' if noise is None else f'noise {noise:g}':>12} {start:>9} {told}")


def newcomers_recall(seeds: int = 3) -> Row:
    """Recall@10 of new products that nobody has clicked, placed by category and looks."""
    runs = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        runs.append(table(made_up(1.0, random), random))
    means = {start: np.mean([run[start] for run in runs], axis=0) for start in STARTS}
    return row(
        "newcomers_recall",
        float(means["both"][0]),
        f"Recall@{TOP}",
        "the mean of the category alone",
        float(means["category"][0]),
        after_10_clicks=[round(float(means[start][2]), 3) for start in ("both", "category")],
    )


FIGURES = {"newcomers_recall": newcomers_recall}


if __name__ == "__main__":
    main()
