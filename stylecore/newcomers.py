"""Where a product stands that hardly anybody has done anything with yet.

Its start is half the mean of its category and half the mean of the products whose photos look most
alike to the feature network, weighted by the cosine; either alone where the other is missing. Only
fitted products count as neighbours. Half and half was better than either alone wherever looks had
anything to do with taste, and worse than the category where they had nothing
(`tests/benchmarks/bench_newcomers.py`): which of the two a shop is, only its log can tell. The
start is a prior, which the item fold-in moves as soon as there is feedback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Floats, Ints
from stylecore.storage.render_cache import Embedding

NEIGHBOURS = 10
NEIGHBOURS_SHARE = 0.5

EmbeddingOf = Callable[[str], Embedding | None]
"""sha256 of a photo to what the feature network saw in it, if it saw it."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Photos that one feature network saw: rows of products [N], and unit vectors [N, E]."""

    rows: Ints
    vectors: Floats


def looks_of(sources: Sequence[str | None], embedding_of: EmbeddingOf) -> list[Looks]:
    """The embeddings of the photos by product row, a Looks for each network: two do not compare."""
    found: dict[tuple[str, int], dict[int, Floats]] = {}
    for row, source in enumerate(sources):
        embedding = None if source is None else embedding_of(source)
        if embedding is not None:
            network = embedding.model, len(embedding.vector)
            found.setdefault(network, {})[row] = embedding.as_array()
    return [
        Looks(np.array(list(vectors), dtype=np.int64), np.stack(list(vectors.values())))
        for vectors in found.values()
    ]


def starts(
    factors: Floats,
    known: Ints,
    newcomers: Ints,
    category_codes: Ints,
    looks: Sequence[Looks],
    share: float = NEIGHBOURS_SHARE,
) -> Floats:
    """The starting factors of the newcomers, [N, F]; 0 where nothing is known of their like.

    `factors` [K, F] belong to the products with the rows `known` [K]; `share` is the neighbours'.
    """
    means = _category_means(factors, known, category_codes)
    place_of = {row: place for place, row in enumerate(known.tolist())}
    near = {
        row: mean for look in looks for row, mean in _near_means(factors, place_of, newcomers, look)
    }
    found = np.zeros((len(newcomers), factors.shape[1]), dtype=np.float32)
    for place, row in enumerate(newcomers.tolist()):
        mean, alike = means.get(int(category_codes[row])), near.get(row)
        if mean is not None and alike is not None:
            found[place] = (1.0 - share) * mean + share * alike
        elif mean is not None or alike is not None:
            found[place] = alike if mean is None else mean
    return found


def _category_means(factors: Floats, known: Ints, codes: Ints) -> dict[int, Floats]:
    own = codes[known]
    return {int(code): factors[own == code].mean(axis=0) for code in np.unique(own)}


def _near_means(
    factors: Floats, place_of: Mapping[int, int], newcomers: Ints, look: Looks
) -> list[tuple[int, Floats]]:
    """For each newcomer whose photo was seen, the mean of the K fitted products most like it."""
    places = np.array([place_of.get(row, -1) for row in look.rows.tolist()], dtype=np.int64)
    peers, new = places >= 0, np.isin(look.rows, newcomers)
    if not peers.any() or not new.any():
        return []
    cosines = look.vectors[new] @ look.vectors[peers].T
    count = min(NEIGHBOURS, cosines.shape[1])
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    weights = np.maximum(np.take_along_axis(cosines, nearest, axis=1), 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    means = np.einsum("nk,nkf->nf", weights, factors[places[peers][nearest]])
    return list(zip(look.rows[new].tolist(), means, strict=True))
