"""Data stored beside renders: sidecars by render key, and photo embeddings.

A sidecar records a render under a key that is known before it is drawn. An embedding is the feature
network's vector of a photo, stored under the sha256 of the photo's bytes for the recommender; the
first writer wins. Vectors of two networks do not compare, so the network's version is stored too
and the reader checks it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

import msgspec
import numpy as np
import structlog

from schemas.codec import encode
from schemas.events import Quality, StyleDefinition
from schemas.types import Label, Pixels, Sha256, Uri
from stylecore.arrays import Floats
from stylecore.storage.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SIDECAR_FOLDER = "renders"


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """A stored render: its picture and the gate's figures. The verdict is not kept: bounds move."""

    image_uri: Uri
    sha256: Sha256
    width: Pixels
    height: Pixels
    media_type: Label
    quality: Quality


def style_sha256(definition: StyleDefinition, reference: str | None = None) -> str:
    """Return a style's identity, 64 hex digits: its definition and its reference picture's sha256.

    The order of the weights does not count; what lies at an address may change, so its bytes do.
    """
    identity = msgspec.json.encode(definition, order="deterministic")
    return sha256(identity + (reference or "").encode()).hexdigest()


def render_key(*, source: str, style: str, model: str, size: int, seed: int) -> str:
    """Return a render's identity: photo bytes, style, model version, working size and noise."""
    return sha256("\n".join((source, style, model, str(size), str(seed))).encode()).hexdigest()


def read_sidecar(store: Store, key: str) -> Sidecar | None:
    """Return what was drawn under this key before, or None. Raises Transient.

    A sidecar that cannot be read, or whose image is gone or empty, is logged and counts as absent.
    """
    sidecar = store.get_json(SIDECAR_FOLDER, key, Sidecar)
    if sidecar is not None and not store.has_blob(sidecar.image_uri):
        log.warning("sidecar_without_image", key=key, image_uri=sidecar.image_uri)
        return None
    return sidecar


def write_sidecar(store: Store, key: str, sidecar: Sidecar) -> Sidecar:
    """Keep the sidecar unless another was first; return the one that is kept. Raises Transient."""
    data = encode(sidecar)
    if store.put_sidecar(SIDECAR_FOLDER, key, data) == data:
        return sidecar
    kept = read_sidecar(store, key)
    if kept is None:
        store.replace_sidecar(SIDECAR_FOLDER, key, data)
        return sidecar
    return kept


EMBEDDINGS_FOLDER = "features"

Component = Annotated[float, msgspec.Meta(ge=-1.001, le=1.001)]
"""Of a unit vector, rounded to float32."""


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """A photo's embedding: the version of the network that made it, and the unit vector, [E]."""

    model: Label
    vector: Annotated[list[Component], msgspec.Meta(min_length=1, max_length=10_000)]

    def as_array(self) -> Floats:
        """Return the vector as [E] float32, the very numbers that were written."""
        return np.asarray(self.vector, np.float32)


def write_embedding(store: Store, source_sha256: str, embedding: Floats, model: str) -> None:
    """Keep the [E] embedding of a photo, unless one is kept already. Raises Transient."""
    data = encode(Embedding(model=model, vector=embedding.tolist()))
    kept = store.put_sidecar(EMBEDDINGS_FOLDER, source_sha256, data)
    if kept != data and read_embedding(store, source_sha256) is None:
        store.replace_sidecar(EMBEDDINGS_FOLDER, source_sha256, data)


def read_embedding(store: Store, source_sha256: str) -> Embedding | None:
    """Return the embedding of the photo with that sha256, or None. Raises Transient.

    One that cannot be read is logged and counts as absent.
    """
    return store.get_json(EMBEDDINGS_FOLDER, source_sha256, Embedding)
