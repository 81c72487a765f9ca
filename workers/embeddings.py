"""What the feature network saw in photos, read from the store, each photo once."""

from __future__ import annotations

from schemas.codec import InvalidEvent
from stylecore.embeddings import Embedding, read_embedding
from stylecore.newcomers import EmbeddingOf
from stylecore.store import Store
from workers.telemetry import log


def embedding_reader(store: Store) -> EmbeddingOf:
    """sha256 of a photo to its embedding; a photo not seen yet is looked for again.

    One that cannot be read is told and counts as not seen. The reader raises Transient.
    """
    kept: dict[str, Embedding] = {}

    def embedding_of(source: str) -> Embedding | None:
        if source not in kept:
            try:
                found = read_embedding(store, source)
            except InvalidEvent as problem:
                log.warning("embedding passed over", photo=source, why=str(problem))
                return None
            if found is None:
                return None
            kept[source] = found
        return kept[source]

    return embedding_of
