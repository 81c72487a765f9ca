"""What lives long is kept from the collector, which is on again afterwards whatever happens."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from workers.preferences.state import gc_frozen


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """The test process's own objects are collected as before."""
    yield
    gc.unfreeze()


def test_what_is_made_within_is_never_looked_through_again():
    with gc_frozen():
        assert not gc.isenabled()
        kept = [[number] for number in range(1000)]
    assert gc.isenabled()
    looked_through = {id(found) for found in gc.get_objects()}
    assert looked_through.isdisjoint(map(id, kept))
    later = [0]
    assert id(later) in {id(found) for found in gc.get_objects()}


def test_the_collector_is_on_again_after_an_error():
    with pytest.raises(OSError, match="broker"), gc_frozen():
        raise OSError("broker away")
    assert gc.isenabled()
