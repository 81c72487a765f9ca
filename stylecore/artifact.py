"""The trainer's artifact: factors in one file, named by its content.

Plain arrays (`arrays_file`) with a header. Its sha256 is checked before it is read, then it is
mapped into memory and not copied: processes on one machine share its pages, and what nobody reads
is never loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec
import numpy as np

from schemas.types import Time
from stylecore.arrays import Bytes, Floats
from stylecore.arrays_file import arrays_in, encode_arrays
from stylecore.errors import Permanent, Transient
from stylecore.factors import Factors, check
from stylecore.popularity import Priors

FORMAT = "stylecast-preferences-2"
SUFFIX = ".safetensors"
_HEADER = "stylecast"
_ARRAYS = {"product_factors", "product_weights", "category_style"}


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


def versioned(
    *,
    parent: str | None,
    product_ids: tuple[str, ...],
    product_factors: Floats,
    priors: Priors,
    regularization: float,
    alpha: float,
    fitted: int | None = None,
    learned_until: datetime | None = None,
) -> Factors:
    """The factors under the version that their content has: the same content, the same version.

    Without `fitted`, all rows are. Raises Permanent where shapes or values cannot be factors.
    """
    unnamed = Factors(
        version="",
        parent=parent,
        product_ids=product_ids,
        product_factors=np.ascontiguousarray(product_factors, dtype=np.float32),
        priors=priors,
        regularization=regularization,
        alpha=alpha,
        fitted=len(product_ids) if fitted is None else fitted,
        learned_until=learned_until,
    )
    return encoded(unnamed).factors


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
    """The same factors, named by the sha256 of their bytes."""
    return replace(factors, version=version_of(digest))


def version_of(digest: str) -> str:
    """The version of the artifact whose bytes have this sha256."""
    return f"p-{digest[:16]}"


def encode(factors: Factors) -> bytes:
    """The artifact's bytes, the same for the same content."""
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
    )
    arrays = {
        "product_factors": factors.product_factors,
        "product_weights": priors.product_weights,
        "category_style": priors.category_style,
    }
    return encode_arrays({_HEADER: msgspec.json.encode(header).decode()}, arrays)


def save(factors: Factors, folder: Path) -> tuple[Path, str]:
    """Writes `<version>.safetensors` into the folder, whole or not at all; its path and sha256."""
    content = encode(factors)
    path = folder / f"{factors.version}{SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return path, sha256(content).hexdigest()


def load(path: Path, expected_sha256: str) -> Factors:
    """The factors in the file, mapped read-only; the file must never change, only be unlinked.

    Raises Permanent where it is missing, altered or no artifact, Transient where it is away.
    """
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            if digest != expected_sha256:
                raise Permanent(f"{path}: sha256 is {digest}, announced was {expected_sha256}")
            content = np.memmap(file, dtype=np.uint8, mode="r")
    except FileNotFoundError as problem:
        raise Permanent(f"no preferences artifact at {path}") from problem
    except OSError as problem:
        raise Transient(f"{path} cannot be read: {problem}") from problem
    except ValueError as problem:  # NumPy maps no empty file
        raise Permanent(f"{path} is not a preferences artifact: {problem}") from problem
    return _read(content, digest, str(path))


def _read(content: Bytes, digest: str, name: str) -> Factors:
    """The factors in checked bytes; the arrays are views of them."""
    metadata, arrays = arrays_in(content, name)
    try:
        header = msgspec.json.decode(metadata.get(_HEADER, ""), type=_Header)
    except msgspec.MsgspecError as problem:
        raise Permanent(f"{name} is not a preferences artifact: {problem}") from problem
    if header.format != FORMAT or arrays.keys() != _ARRAYS:
        raise Permanent(
            f"{name} has the format {header.format!r} and {sorted(arrays)}; "
            f"this reads {FORMAT!r} and {sorted(_ARRAYS)}"
        )
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
        fitted=header.fitted,
        learned_until=header.learned_until,
    )
    check(factors, name)
    return with_version(factors, digest)
