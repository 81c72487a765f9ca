"""Product factors of one version and the trainer's artifact that holds them.

The artifact is one safetensors file, named by the sha256 of its content: arrays (`_ARRAYS`), and
a JSON header (`_Header`) under the metadata key `stylecast` with ids and hyperparameters.
`load` checks the sha256 and then maps the file: arrays are read-only views, so that processes on
one machine share the pages and pages that are never read are never loaded.

Rows are named by product id, so that factors do not depend on the row numbers of a process.
Shopper vectors are not stored; they are folded in on demand (`foldin`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize

from schemas.types import Time
from stylecore.arrays import Floats
from stylecore.errors import Permanent, Transient
from stylecore.recommender.item_neighbours import Neighbours, no_neighbours
from stylecore.recommender.popularity import Priors
from stylecore.recommender.rules import LONGEST_HISTORY, Recency, lifetime
from stylecore.recommender.top_k import NONE


@dataclass(frozen=True)
class Factors:
    """F factors for P products; row i belongs to `product_ids[i]`.

    The first `fitted` rows are fitted; the rest are new products, placed by `cold_start`.
    """

    version: str
    parent: str | None
    product_ids: tuple[str, ...]
    product_factors: Floats
    """[P, F]"""
    priors: Priors
    regularization: float
    """Of the fit, and so of every fold-in."""
    alpha: float
    """The fit's confidence is 1 + alpha * weight."""
    recency: Recency
    """Of the fold-in."""
    fitted: int
    neighbours: Neighbours
    """Of the P products, in rows of `product_ids`."""
    blend: float = 0.0
    """What the neighbours of a shopper's newest products weigh beside the factors' scores."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Of the choice of hyperparameters (`tune`); empty where none was made."""
    learned_until: datetime | None = None
    """What shoppers did after this was not fitted to; None where that is not known."""

    @property
    def fitted_factors(self) -> Floats:
        """[fitted, F], what shoppers are folded in against: new products have no negatives yet."""
        return self.product_factors[: self.fitted]


def check(factors: Factors, name: str = "factors") -> None:
    """Raises Permanent where shapes do not fit together or values are not usable numbers."""
    priors = factors.priors
    wanted: dict[str, tuple[NDArray[Any], tuple[int | None, ...]]] = {
        "product_factors": (factors.product_factors, (len(factors.product_ids), None)),
        "product_weights": (priors.product_weights, (len(priors.product_ids),)),
        "category_style": (
            priors.category_style,
            (len(priors.categories), len(priors.style_ids)),
        ),
    }
    for key, (array, shape) in wanted.items():
        fits = array.ndim == len(shape) and all(
            size is None or size == length for size, length in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != np.float32:
            raise Permanent(f"{name}: {key} is {array.dtype}{array.shape}, not float32{shape}")
        if not np.isfinite(array).all():
            raise Permanent(f"{name}: {key} holds values that are not finite")
    if factors.regularization <= 0 or factors.alpha <= 0:
        raise Permanent(
            f"{name}: regularization {factors.regularization} and alpha {factors.alpha} "
            "must be above 0"
        )
    recency = factors.recency
    if not (
        0 < recency.scale <= MOST_SCALE
        and 0 < recency.decay <= 1
        and 1 <= recency.newest <= LONGEST_HISTORY
    ):
        raise Permanent(f"{name}: {recency} is out of range")
    if not 0 <= factors.fitted <= len(factors.product_ids):
        raise Permanent(f"{name}: {factors.fitted} of {len(factors.product_ids)} rows are fitted")
    _check_neighbours(factors, name)
    if len(set(factors.product_ids)) != len(factors.product_ids):
        raise Permanent(f"{name}: a product_id stands twice")


def _check_neighbours(factors: Factors, name: str) -> None:
    rows, weights, products = (
        factors.neighbours.rows,
        factors.neighbours.weights,
        len(factors.product_ids),
    )
    if rows.ndim != 2 or len(rows) != products or weights.shape != rows.shape:
        raise Permanent(f"{name}: neighbours {rows.shape} and {weights.shape} of {products} rows")
    if rows.size and not (rows.min() >= NONE and rows.max() < products):
        raise Permanent(f"{name}: neighbours {rows.min()} to {rows.max()} of {products} rows")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and 0 <= factors.blend < np.inf):
        raise Permanent(f"{name}: a neighbour's weight or the blend is below 0 or no number")


MOST_SCALE = 1e6
FORMAT = "stylecast-preferences-3"
OLDER_FORMAT = "stylecast-preferences-2"
"""Without neighbours."""
SUFFIX = ".safetensors"
_HEADER = "stylecast"
_ARRAYS = {
    FORMAT: {
        "product_factors": "F32",
        "product_weights": "F32",
        "category_style": "F32",
        "neighbour_rows": "I32",
        "neighbour_weights": "F32",
    },
    OLDER_FORMAT: {"product_factors": "F32", "product_weights": "F32", "category_style": "F32"},
}
_TYPES = {"F32": "<f4", "I32": "<i4"}


class _Header(msgspec.Struct, frozen=True):
    """What goes with the arrays, as JSON in the file's metadata."""

    format: str
    parent: str | None
    regularization: float
    alpha: float
    product_ids: tuple[str, ...]
    priors_product_ids: tuple[str, ...]
    categories: tuple[str, ...]
    style_ids: tuple[str, ...]
    fitted: int
    learned_until: Time | None = None
    recency: Recency | None = None
    blend: float = 0.0
    figures: dict[str, float] = {}


@dataclass(frozen=True)
class Encoded:
    """Factors under the version of their bytes, and these."""

    factors: Factors
    content: bytes
    digest: str
    """sha256 of the content."""


def encoded(factors: Factors) -> Encoded:
    """Encode factors, whatever their version says, and name them by the bytes' sha256.

    Raises Permanent where shapes or values cannot be factors.
    """
    check(factors)
    content = encode(factors)
    digest = sha256(content).hexdigest()
    return Encoded(with_version(factors, digest), content, digest)


def with_version(factors: Factors, digest: str) -> Factors:
    """Return the same factors, named by the sha256 of their bytes."""
    return replace(factors, version=version_of(digest))


def version_of(digest: str) -> str:
    """Return the version of the artifact whose bytes have this sha256."""
    return f"p-{digest[:16]}"


def encode(factors: Factors) -> bytes:
    """Return the artifact's bytes, the same for the same content."""
    priors = factors.priors
    header = _Header(
        format=FORMAT,
        parent=factors.parent,
        regularization=factors.regularization,
        alpha=factors.alpha,
        product_ids=factors.product_ids,
        priors_product_ids=priors.product_ids,
        categories=priors.categories,
        style_ids=priors.style_ids,
        fitted=factors.fitted,
        learned_until=factors.learned_until,
        recency=factors.recency,
        blend=factors.blend,
        figures=dict(sorted(factors.figures.items())),
    )
    arrays = {
        "product_factors": factors.product_factors,
        "product_weights": priors.product_weights,
        "category_style": priors.category_style,
        "neighbour_rows": factors.neighbours.rows,
        "neighbour_weights": factors.neighbours.weights,
    }
    little_endian = {
        name: np.ascontiguousarray(values, _TYPES[_ARRAYS[FORMAT][name]])
        for name, values in arrays.items()
    }
    return serialize(little_endian, {_HEADER: msgspec.json.encode(header).decode()})


def save(factors: Factors, folder: Path) -> tuple[Path, str]:
    """Write `<version>.safetensors` into the folder, atomically; return its path and sha256."""
    content = encode(factors)
    path = folder / f"{factors.version}{SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return path, sha256(content).hexdigest()


def load(path: Path, expected_sha256: str) -> Factors:
    """Map the factors in the file read-only; the file must never change, only be unlinked.

    Raises Permanent where it is missing, altered or no artifact, Transient where it is unreadable.
    """
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if digest != expected_sha256:
            raise Permanent(f"{path}: sha256 is {digest}, announced was {expected_sha256}")
        metadata, arrays, types = _mapped(path)
        header = msgspec.json.decode(metadata.get(_HEADER, ""), type=_Header)
    except FileNotFoundError as problem:
        raise Permanent(f"no preferences artifact at {path}") from problem
    except OSError as problem:
        raise Transient(f"{path} cannot be read: {problem}") from problem
    except (SafetensorError, ValueError) as problem:
        raise Permanent(f"{path} is not a preferences artifact: {problem}") from problem
    if _ARRAYS.get(header.format) != types:
        raise Permanent(
            f"{path} has the format {header.format!r} and {types}; this reads {_ARRAYS}"
        )
    products = len(header.product_ids)
    factors = Factors(
        version=version_of(digest),
        parent=header.parent,
        product_ids=header.product_ids,
        product_factors=arrays["product_factors"],
        priors=Priors(
            product_ids=header.priors_product_ids,
            product_weights=arrays["product_weights"],
            categories=header.categories,
            style_ids=header.style_ids,
            category_style=arrays["category_style"],
        ),
        regularization=header.regularization,
        alpha=header.alpha,
        recency=header.recency or lifetime(header.alpha),
        fitted=header.fitted,
        neighbours=no_neighbours(products)
        if header.format == OLDER_FORMAT
        else Neighbours(arrays["neighbour_rows"], arrays["neighbour_weights"]),
        blend=header.blend,
        figures=header.figures,
        learned_until=header.learned_until,
    )
    check(factors, str(path))
    return factors


def _mapped(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]], dict[str, str]]:
    """Read metadata, arrays and their types; the arrays are views of one memory map.

    safetensors' own NumPy reader copies each array, so it only validates the header here. The
    arrays follow the header without gaps, in the order of `offset_keys`.
    """
    arrays: dict[str, NDArray[Any]] = {}
    types: dict[str, str] = {}
    with safe_open(path, framework="np") as file:
        metadata: dict[str, str] = file.metadata() or {}
        content = np.memmap(path, dtype=np.uint8, mode="r")
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        for name in file.offset_keys():
            entry = file.get_slice(name)
            shape, types[name] = tuple(entry.get_shape()), entry.get_dtype()
            if types[name] not in _TYPES:
                raise ValueError(f"{name} holds {types[name]}, not {sorted(_TYPES)}")
            end = start + 4 * math.prod(shape)
            arrays[name] = np.asarray(content[start:end]).view(_TYPES[types[name]]).reshape(shape)
            start = end
    return metadata, arrays, types
