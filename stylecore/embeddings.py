"""What the feature network sees in a photo, kept beside the renders for the recommender.

One vector a photo, under the sha256 of its bytes; the first writer wins. Vectors of two feature
networks do not compare, so the network's version is kept too and the reader checks it. It does not
know which photo belongs to which product.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.codec import encode
from schemas.types import Label
from stylecore.store import Store

FOLDER = "features"

Component = Annotated[float, msgspec.Meta(ge=-1.001, le=1.001)]
"""Of a unit vector, rounded to float32."""


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """A photo's embedding: the version of the network that made it, and the unit vector, [E]."""

    model: Label
    vector: Annotated[list[Component], msgspec.Meta(min_length=1, max_length=10_000)]

    def as_array(self) -> NDArray[np.float32]:
        """The vector as [E] float32, the very numbers that were written."""
        return np.asarray(self.vector, np.float32)


def write_embedding(
    store: Store, source_sha256: str, embedding: NDArray[np.float32], model: str
) -> None:
    """Keep the [E] embedding of a photo, unless one is kept already. Raises Transient."""
    data = encode(Embedding(model=model, vector=embedding.tolist()))
    kept = store.put_sidecar(FOLDER, source_sha256, data)
    if kept != data and read_embedding(store, source_sha256) is None:
        store.replace_sidecar(FOLDER, source_sha256, data)


def read_embedding(store: Store, source_sha256: str) -> Embedding | None:
    """The embedding of the photo with that sha256, or None. Raises Transient.

    One that cannot be read is logged and counts as absent.
    """
    return store.get_json(FOLDER, source_sha256, Embedding)
