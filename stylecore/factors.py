"""The trainer's artifact: product factors, what they were fitted with, and the priors.

One file of plain arrays under a name made from its content, checked by its sha256 before it is
read: no pickle, nothing that runs. Products are named by id, so that an artifact outlives the
rows of any process. Shoppers are not in it: their vectors are folded in when needed.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stylecore.errors import Permanent
from stylecore.popularity import Priors

FORMAT = "stylecast-preferences-1"
MAX_HEADER_BYTES = 1_000_000_000
_EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_ARRAYS = ("product_factors", "product_weights", "category_style")


@dataclass(frozen=True)
class Factors:
    """F factors for P products; row i belongs to `product_ids[i]`."""

    version: str
    parent: str | None
    product_ids: tuple[str, ...]
    product_factors: NDArray[np.float32]
    """[P, F]"""
    priors: Priors
    regularization: float
    """Of the fit, and so of every fold-in."""
    alpha: float
    """Confidence is 1 + alpha * weight."""


class _Header(msgspec.Struct, frozen=True):
    """What goes with the arrays, as JSON."""

    format: str
    parent: str | None
    regularization: float
    alpha: float
    product_ids: tuple[str, ...]
    priors_product_ids: tuple[str, ...]
    categories: tuple[str, ...]
    style_ids: tuple[str, ...]


def versioned(
    *,
    parent: str | None,
    product_ids: tuple[str, ...],
    product_factors: NDArray[np.float32],
    priors: Priors,
    regularization: float,
    alpha: float,
) -> Factors:
    """The factors under the version that their content has: the same content, the same version.

    Raises Permanent where shapes or values cannot be factors.
    """
    unnamed = Factors(
        version="",
        parent=parent,
        product_ids=product_ids,
        product_factors=np.ascontiguousarray(product_factors, dtype=np.float32),
        priors=priors,
        regularization=regularization,
        alpha=alpha,
    )
    check(unnamed)
    return with_version(unnamed, sha256(encode(unnamed)).hexdigest())


def with_version(factors: Factors, digest: str) -> Factors:
    """The same factors, named by the sha256 of their bytes."""
    return Factors(**{**vars(factors), "version": f"p-{digest[:16]}"})


def encode(factors: Factors) -> bytes:
    """The artifact: a zip of `header.json` and arrays, the same bytes for the same content."""
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
    )
    arrays = (factors.product_factors, priors.product_weights, priors.category_style)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _write(archive, "header.json", msgspec.json.encode(header))
        for name, array in zip(_ARRAYS, arrays, strict=True):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array, np.float32))
            _write(archive, f"{name}.npy", content.getvalue())
    return buffer.getvalue()


def save(factors: Factors, folder: Path) -> tuple[Path, str]:
    """Writes `<version>.npz` into the folder, whole or not at all; its path and sha256."""
    content = encode(factors)
    digest = sha256(content).hexdigest()
    path = folder / f"{factors.version}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return path, digest


def load(path: Path, expected_sha256: str) -> Factors:
    """The factors in the file. Raises Permanent where it is missing, altered or no artifact."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as problem:
        raise Permanent(f"no preferences artifact at {path}") from problem
    return decode(content, expected_sha256, str(path))


def decode(content: bytes, expected_sha256: str, name: str = "the artifact") -> Factors:
    """The factors in the bytes. Raises Permanent where they are altered or no artifact."""
    digest = sha256(content).hexdigest()
    if digest != expected_sha256:
        raise Permanent(f"{name}: sha256 is {digest}, announced was {expected_sha256}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            header = msgspec.json.decode(archive.read("header.json"), type=_Header)
            arrays = {key: _read(archive, f"{key}.npy") for key in _ARRAYS}
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as problem:
        raise Permanent(f"{name} is not a preferences artifact: {problem}") from problem
    if header.format != FORMAT:
        raise Permanent(f"{name} has the format {header.format!r}; this reads {FORMAT!r}")
    factors = Factors(
        version="",
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
    )
    check(factors, name)
    return with_version(factors, digest)


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
    if len(set(factors.product_ids)) != len(factors.product_ids):
        raise Permanent(f"{name}: a product_id stands twice")


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH_OF_ZIP), content)


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[np.float32]:
    with archive.open(name) as member:
        array: NDArray[np.float32] = np.lib.format.read_array(member, allow_pickle=False)
    return array
