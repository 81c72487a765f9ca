"""Announced factors are taken from any store; those that must not be used are kept out."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import worlds
from msgspec.structs import replace

from schemas.events import ModelAnnouncement
from stylecore.recommender import factors as artifact
from stylecore.storage.render_cache import write_embedding
from stylecore.storage.store import Store
from workers.factors import embedding_reader, factors_loader
from workers.settings import load_settings
from workers.telemetry import FACTORS_REJECTED


@pytest.fixture(params=["folder", "memory"])
def settings(request, tmp_path):
    address = str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4()}"
    return load_settings(store={"uri": address, "cache": str(tmp_path / "cache")})


def announced(store: Store, content: bytes) -> ModelAnnouncement:
    address, digest = store.put_blob("models", content, artifact.SUFFIX)
    return ModelAnnouncement(
        name="preferences", version="p", uri=address, sha256=digest, made_at=worlds.NOW
    )


def rejected(worker: str) -> float:
    return FACTORS_REJECTED.labels(worker)._value.get()


def test_good_factors_are_loaded_wherever_the_store_is(settings):
    factors = worlds.factors(12, 4, np.random.default_rng(0))
    news = announced(Store(settings.store.uri), artifact.encode(factors))
    loaded = factors_loader(settings, "good")(news)
    assert loaded is not None
    assert loaded.version == factors.version
    assert rejected("good") == 0


def test_what_is_missing_altered_or_no_artifact_is_kept_out_and_counted(settings):
    store, load = Store(settings.store.uri), factors_loader(settings, "bad")
    good = announced(store, artifact.encode(worlds.factors(12, 4, np.random.default_rng(0))))
    gone = replace(good, uri=f"{store.uri}/models/gone")
    altered = replace(good, sha256="0" * 64)
    strange = announced(store, b"no artifact")
    elsewhere = replace(good, uri="/etc/passwd")
    before = rejected("bad")
    assert [load(news) for news in (gone, altered, strange, elsewhere)] == [None] * 4
    assert rejected("bad") - before == 4


def test_an_embedding_is_read_once_and_looked_for_until_it_is_there(settings):
    store = Store(settings.store.uri)
    read = embedding_reader(store)
    source, other = "a" * 64, "b" * 64
    assert read(source) is None
    write_embedding(store, source, np.array([0.6, 0.8], np.float32), "net-1")
    store.put_sidecar("features", other, b"no embedding")
    found = read(source)
    assert found is not None
    np.testing.assert_allclose(found.as_array(), [0.6, 0.8])
    assert read(source) is found
    assert read(other) is None
