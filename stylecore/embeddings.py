"""What the feature network sees in a photo, kept beside the renders for the recommender.

One vector a photo, under the sha256 of its bytes; the first writer wins. Vectors of two feature
networks do not compare, so the network's version is kept too and the reader checks it. It does not
know which photo belongs to which product.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.codec import decode, encode
from stylecore.store import Store

FOLDER = "features"


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """A photo's embedding: the version of the network that made it, and the unit vector, [E]."""

    model: str
    vector: list[float]

    def as_array(self) -> NDArray[np.float32]:
        """The vector as [E] float32, the very numbers that were written."""
        return np.asarray(self.vector, np.float32)


def write_embedding(
    store: Store, source_sha256: str, embedding: NDArray[np.float32], model: str
) -> None:
    """Keep the [E] embedding of a photo, unless one is kept already. Raises Transient."""
    found = Embedding(model=model, vector=embedding.tolist())
    store.put_sidecar(FOLDER, source_sha256, encode(found))


def read_embedding(store: Store, source_sha256: str) -> Embedding | None:
    """The embedding of the photo with that sha256, or None. Raises Transient."""
    data = store.get_sidecar(FOLDER, source_sha256)
    return None if data is None else decode(Embedding, data)
