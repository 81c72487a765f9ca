"""The artifact: the same content, the same name; what was altered or never was one is kept out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as serialize

from stylecore.errors import Permanent
from stylecore.recommender import factors as artifact
from stylecore.recommender.factors import Factors, check
from stylecore.recommender.item_neighbours import Neighbours, no_neighbours
from stylecore.recommender.rules import Recency, lifetime


@pytest.fixture
def factors() -> Factors:
    return worlds.factors(12, 4, np.random.default_rng(0))


def load_bytes(content: bytes, folder: Path) -> Factors:
    path = folder / "artifact"
    path.write_bytes(content)
    return artifact.load(path, sha256(content).hexdigest())


def test_what_is_saved_is_loaded(factors: Factors, tmp_path: Path) -> None:
    factors = replace(factors, fitted=9, learned_until=worlds.NOW - timedelta(hours=1))
    path, digest = artifact.save(factors, tmp_path)
    loaded = artifact.load(path, digest)
    assert path.name == f"{factors.version}.safetensors"
    assert loaded.product_ids == factors.product_ids
    assert (loaded.fitted, loaded.learned_until) == (9, factors.learned_until)
    np.testing.assert_array_equal(loaded.product_factors, factors.product_factors)
    np.testing.assert_array_equal(loaded.priors.category_style, factors.priors.category_style)
    assert artifact.encode(loaded) == artifact.encode(factors)


def test_what_is_loaded_is_mapped_read_only_and_outlives_its_file(
    factors: Factors, tmp_path: Path
) -> None:
    path, digest = artifact.save(factors, tmp_path)
    loaded = artifact.load(path, digest)
    base: object = loaded.product_factors
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    path.unlink()
    np.testing.assert_array_equal(loaded.product_factors, factors.product_factors)
    with pytest.raises(ValueError, match="read-only"):
        loaded.product_factors[0] = 0


def test_the_version_is_the_content_s(factors: Factors) -> None:
    assert worlds.factors(12, 4, np.random.default_rng(0)).version == factors.version
    assert worlds.factors(12, 4, np.random.default_rng(1)).version != factors.version


@settings(max_examples=25, deadline=None)
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_changed_bit_is_told(
    place: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    factors = worlds.factors(12, 4, np.random.default_rng(0))
    path, digest = artifact.save(factors, tmp_path_factory.getbasetemp())
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(Permanent, match="sha256"):
        artifact.load(path, digest)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no preferences artifact"):
        artifact.load(tmp_path / "gone", "0" * 64)


def test_what_is_no_artifact_is_told(factors: Factors, tmp_path: Path) -> None:
    whole = artifact.encode(factors)
    strange = [b"", b"no artifact", b"\xff" * 64, whole[:100], whole[:-4], serialize({})]
    for content in strange:
        with pytest.raises(Permanent, match="is not a"):
            load_bytes(content, tmp_path)


@settings(max_examples=25, deadline=None)
@given(content=st.binary(max_size=64))
def test_no_bytes_do_more_than_be_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(Permanent):
        load_bytes(content, tmp_path_factory.getbasetemp())


def test_another_format_is_told(factors: Factors, tmp_path: Path) -> None:
    whole = artifact.encode(factors)
    older = whole.replace(b"stylecast-preferences-3", b"stylecast-preferences-1")
    with pytest.raises(Permanent, match="stylecast-preferences-1"):
        load_bytes(older, tmp_path)


@pytest.mark.parametrize(
    ("was", "is_"),
    [('"F32","shape":[12,4]', '"F64","shape":[12,2]'), ('"shape":[12,4]', '"shape":[4,12]')],
    ids=["double", "rows and columns exchanged"],
)
def test_arrays_that_do_not_fit_are_told(
    factors: Factors, tmp_path: Path, was: str, is_: str
) -> None:
    whole = artifact.encode(factors)
    assert was.encode() in whole
    with pytest.raises(Permanent, match=r"F64|product_factors"):
        load_bytes(whole.replace(was.encode(), is_.encode()), tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("product_factors", np.ones((11, 4), dtype=np.float32), "product_factors"),
        ("product_factors", np.ones(12, dtype=np.float32), "product_factors"),
        ("product_factors", np.ones((12, 4), dtype=np.float64), "product_factors"),
        ("product_factors", np.full((12, 4), np.nan, dtype=np.float32), "not finite"),
        ("regularization", 0.0, "regularization"),
        ("product_ids", ("a",) * 12, "twice"),
        ("fitted", 13, "13 of 12"),
        ("blend", -1.0, "blend"),
        ("neighbours", no_neighbours(11), "neighbours"),
        ("neighbours", Neighbours(np.full((12, 1), 12), np.ones((12, 1))), "12 to 12"),
        ("neighbours", Neighbours(np.full((12, 1), 1), np.full((12, 1), np.nan)), "no number"),
        ("recency", Recency(scale=0.0), "out of range"),
        ("recency", Recency(scale=float("nan")), "out of range"),
        ("recency", Recency(decay=1.5), "out of range"),
        ("recency", Recency(newest=10**9), "out of range"),
    ],
)
def test_senseless_contents_are_told(
    factors: Factors, tmp_path: Path, field: str, value: object, told: str
) -> None:
    senseless = replace(factors, **{field: value})
    with pytest.raises(Permanent, match=told):
        check(senseless)


def test_the_file_is_one_that_any_safetensors_reader_opens(factors: Factors) -> None:
    """By the format's own description: length, header, then arrays without a gap."""
    content = artifact.encode(factors)
    length = int.from_bytes(content[:8], "little")
    header = msgspec.json.decode(content[8 : 8 + length])
    assert header.pop("__metadata__").keys() == {"stylecast"}
    places = sorted(place["data_offsets"] for place in header.values())
    assert [start for start, _ in places] == [0, *(end for _, end in places[:-1])]
    assert 8 + length + places[-1][1] == len(content)
    types = {name: place["dtype"] for name, place in header.items()}
    assert types.pop("neighbour_rows") == "I32"
    assert set(types.values()) == {"F32"}


def test_an_older_artifact_counts_all_of_a_history_alike_and_has_no_neighbours(
    factors: Factors, tmp_path: Path
) -> None:
    """And holds the factors first where it is from before the safetensors package was used."""
    content = artifact.encode(replace(factors, alpha=2.0))
    length = int.from_bytes(content[:8], "little")
    header = msgspec.json.decode(content[8 : 8 + length])
    ours = msgspec.json.decode(header["__metadata__"]["stylecast"])
    ours["format"] = "stylecast-preferences-2"
    del ours["recency"], ours["blend"]
    data, start = b"", 0
    older = {"__metadata__": {"stylecast": msgspec.json.encode(ours).decode()}}
    for name in ("product_factors", "product_weights", "category_style"):
        first, end = header[name]["data_offsets"]
        data += content[8 + length + first : 8 + length + end]
        older[name] = header[name] | {"data_offsets": [start, len(data)]}
        start = len(data)
    text = msgspec.json.encode(older)
    loaded = load_bytes(len(text).to_bytes(8, "little") + text + data, tmp_path)
    assert (loaded.recency, loaded.blend) == (lifetime(2.0), 0.0)
    assert loaded.neighbours.rows.shape == (12, 0)
    np.testing.assert_array_equal(loaded.product_factors, factors.product_factors)
