"""Product factors of one version, what they were fitted with, and the priors.

Products are named by id, so that factors outlive the rows of any process. Shoppers are not in it:
their vectors are folded in when needed. How it is stored is the artifact's business.

Named arrays in one file that can be mapped into memory: the safetensors format.

Eight bytes of header length, a JSON header with a text for each key of `__metadata__` and shape
and place of each array, then the arrays as they lie in memory. Nothing in it can be run, and any
safetensors reader opens it. What the arrays mean is not known here, nor whether the bytes are the
right ones: that is the reader's to check, before.

The trainer's artifact: factors in one file, named by its content.

Plain arrays (`arrays_file`) with a header. Its sha256 is checked before it is read, then it is
mapped into memory and not copied: processes on one machine share its pages, and what nobody reads
is never loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import file_digest, sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.types import Time
from stylecore.arrays import Bytes, Floats
from stylecore.errors import Permanent, Transient
from stylecore.recommender.popularity import Priors


@dataclass(frozen=True)
class Factors:
    """F factors for P products; row i belongs to `product_ids[i]`.

    The first `fitted` rows are fitted; the rest are newcomers, placed where their like stand.
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
    """Confidence is 1 + alpha * weight."""
    fitted: int
    learned_until: datetime | None = None
    """What shoppers did after this was not fitted to; None where that is not known."""

    @property
    def fitted_factors(self) -> Floats:
        """[fitted, F]: what a shopper is folded in against. Nobody passed a newcomer over yet."""
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
    if not 0 <= factors.fitted <= len(factors.product_ids):
        raise Permanent(f"{name}: {factors.fitted} of {len(factors.product_ids)} rows are fitted")
    if len(set(factors.product_ids)) != len(factors.product_ids):
        raise Permanent(f"{name}: a product_id stands twice")


METADATA = "__metadata__"
_LENGTH_BYTES = 8
_ALIGNMENT = 8


class _Place(msgspec.Struct, frozen=True):
    """Where an array lies, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def encode_arrays(metadata: Mapping[str, str], arrays: Mapping[str, Floats]) -> bytes:
    """The file's bytes: the same for the same content."""
    contents = [np.ascontiguousarray(array, dtype="<f4").tobytes() for array in arrays.values()]
    ends = list(accumulate(map(len, contents), initial=0))
    header: dict[str, Any] = {METADATA: dict(metadata)}
    for name, array, start, end in zip(arrays, arrays.values(), ends[:-1], ends[1:], strict=True):
        header[name] = _Place(dtype="F32", shape=array.shape, data_offsets=(start, end))
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join((len(text).to_bytes(_LENGTH_BYTES, "little"), text, *contents))


def arrays_in(content: Bytes, name: str) -> tuple[dict[str, str], dict[str, Floats]]:
    """Metadata and arrays of the bytes; the arrays are views, so that a mapped file stays mapped.

    Raises Permanent, naming the file, where the bytes are no such file.
    """
    try:
        length = int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
        data = content[_LENGTH_BYTES + length :]
        text = content[_LENGTH_BYTES : _LENGTH_BYTES + length].tobytes()
        header = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(header.pop(METADATA), type=dict[str, str])
        places = {key: msgspec.json.decode(raw, type=_Place) for key, raw in header.items()}
        return metadata, {key: _view(data, place) for key, place in places.items()}
    except (KeyError, ValueError, OverflowError) as problem:
        raise Permanent(f"{name} is not a file of arrays: {problem}") from problem


def _view(data: Bytes, place: _Place) -> Floats:
    if place.dtype != "F32":
        raise ValueError(f"numbers are {place.dtype}, not F32")
    start, end = place.data_offsets
    if not 0 <= start <= end <= len(data):
        raise ValueError(f"an array at {start} to {end} of {len(data)} bytes")
    array: Floats = np.asarray(data[start:end]).view("<f4").reshape(place.shape)
    return array


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
