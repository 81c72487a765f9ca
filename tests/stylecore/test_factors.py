"""The artifact: the same content, the same name; what was altered or never was one is kept out."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import worlds

from stylecore import factors as artifacts
from stylecore.errors import Permanent
from stylecore.factors import Factors


@pytest.fixture
def factors() -> Factors:
    return worlds.factors(12, 4, np.random.default_rng(0))


def test_what_is_saved_is_loaded(factors: Factors, tmp_path: Path) -> None:
    path, digest = artifacts.save(factors, tmp_path)
    loaded = artifacts.load(path, digest)
    assert loaded.version == factors.version
    assert path.name == f"{factors.version}.npz"
    assert loaded.product_ids == factors.product_ids
    np.testing.assert_array_equal(loaded.product_factors, factors.product_factors)
    np.testing.assert_array_equal(loaded.priors.category_style, factors.priors.category_style)
    assert artifacts.encode(loaded) == artifacts.encode(factors)


def test_the_version_is_the_content_s(factors: Factors) -> None:
    assert worlds.factors(12, 4, np.random.default_rng(0)).version == factors.version
    assert worlds.factors(12, 4, np.random.default_rng(1)).version != factors.version


def test_one_changed_byte_is_told(factors: Factors, tmp_path: Path) -> None:
    path, digest = artifacts.save(factors, tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Permanent, match="sha256"):
        artifacts.load(path, digest)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no preferences artifact"):
        artifacts.load(tmp_path / "gone.npz", "0" * 64)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_artifact_is_told(content: bytes) -> None:
    with pytest.raises(Permanent, match="not a preferences artifact"):
        artifacts.decode(content, sha256(content).hexdigest())


def test_nothing_in_an_artifact_is_run(factors: Factors) -> None:
    content = with_member(factors, "product_factors.npy", np.array([{"pickled": 1}], dtype=object))
    with pytest.raises(Permanent, match="not a preferences artifact"):
        artifacts.decode(content, sha256(content).hexdigest())


@pytest.mark.parametrize(
    "array",
    [
        np.ones((11, 4), dtype=np.float32),
        np.ones(12, dtype=np.float32),
        np.ones((12, 4), dtype=np.float64),
        np.full((12, 4), np.nan, dtype=np.float32),
    ],
    ids=["a row too few", "flat", "double", "not a number"],
)
def test_arrays_that_do_not_fit_are_told(factors: Factors, array: np.ndarray) -> None:
    content = with_member(factors, "product_factors.npy", array)
    with pytest.raises(Permanent, match="product_factors"):
        artifacts.decode(content, sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("regularization", 0.0, "regularization"), ("product_ids", ("a",) * 12, "twice")],
)
def test_senseless_contents_are_told(
    factors: Factors, field: str, value: object, told: str
) -> None:
    with pytest.raises(Permanent, match=told):
        artifacts.check(replace(factors, **{field: value}))


def with_member(factors: Factors, name: str, array: np.ndarray) -> bytes:
    """The artifact with one of its arrays replaced."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(artifacts.encode(factors))) as old,
        zipfile.ZipFile(changed, "w") as new,
    ):
        for member in old.namelist():
            content = io.BytesIO(old.read(member))
            if member == name:
                content = io.BytesIO()
                np.lib.format.write_array(content, array)
            new.writestr(member, content.getvalue())
    return changed.getvalue()
