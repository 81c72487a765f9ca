"""What the feature network saw in photos, read from the store, each photo once."""

from __future__ import annotations

from stylecore.recommender.cold_start import EmbeddingOf
from stylecore.storage.render_cache import Embedding, read_embedding
from stylecore.storage.store import Store


def embedding_reader(store: Store) -> EmbeddingOf:
    """sha256 of a photo to its embedding; a photo not seen yet is looked for again.

    The reader raises Transient.
    """
    kept: dict[str, Embedding] = {}

    def embedding_of(source: str) -> Embedding | None:
        if source not in kept:
            found = read_embedding(store, source)
            if found is None:
                return None
            kept[source] = found
        return kept[source]

    return embedding_of
