"""What the feature network saw of a photo is found again by the photo's sha256."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stylecore.storage.render_cache import read_embedding, write_embedding
from stylecore.storage.store import Store

SHA = "ab" * 32
vectors = arrays(np.float32, st.integers(1, 8), elements=st.floats(-1, 1, width=32))


@settings(max_examples=25, deadline=None)
@given(vectors)
def test_the_very_numbers_come_back(tmp_path_factory, vector):
    store = Store(str(tmp_path_factory.mktemp("store")))
    write_embedding(store, SHA, vector, "1")
    found = read_embedding(store, SHA)
    assert found.model == "1"
    np.testing.assert_array_equal(found.as_array(), vector)


def test_a_photo_that_nobody_described_has_none(tmp_path):
    assert read_embedding(Store(str(tmp_path)), SHA) is None


def test_the_first_writer_wins(tmp_path):
    store = Store(str(tmp_path))
    write_embedding(store, SHA, np.ones(2, np.float32), "1")
    write_embedding(store, SHA, np.zeros(2, np.float32), "2")
    assert read_embedding(store, SHA).model == "1"
