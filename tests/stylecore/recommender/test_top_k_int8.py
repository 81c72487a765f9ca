"""Byte products: exact on this processor, off by no more than they say, and a file that is ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecore.recommender.top_k import top_k
from stylecore.recommender.top_k_int8 import (
    IntegerProduct,
    levels,
    matmul_integer,
    packed,
    positions,
    prepared,
    quantized,
)


def vectors(random: np.random.Generator, rows: int, width: int, heavy: float) -> np.ndarray:
    scales = np.exp(heavy * random.normal(size=(rows, width)))
    return (random.normal(size=(rows, width)) * scales).astype(np.float32)


def byte_products(users: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products of bytes [B, P] and what they may be off by."""
    ready = prepared(products)
    near = quantized(users, ready)
    found = np.empty((len(users), ready.columns), dtype=np.int32)
    ready.product.into(near.bytes, found)()
    return found[:, : len(products)], near.errors


@given(st.integers(0, 2**32), st.integers(1, 80), st.sampled_from([0.0, 1.0, 3.0]))
def test_a_product_is_off_by_no_more_than_its_error(seed: int, width: int, heavy: float) -> None:
    random = np.random.default_rng(seed)
    users, products = vectors(random, 20, width, heavy), vectors(random, 90, width, heavy)
    found, errors = byte_products(users, products)
    scaled = users.astype(np.float64) * np.abs(products).max(axis=0)
    steps = np.abs(scaled).max(axis=1, keepdims=True) / levels()
    exact = users.astype(np.float64) @ products.T.astype(np.float64) / (steps / 127)
    assert (np.abs(exact - found) <= errors[:, None]).all()


def test_the_error_is_small_beside_the_scores() -> None:
    """And no larger than the users' steps are: twice as large where they have half the levels."""
    random = np.random.default_rng(0)
    users, products = vectors(random, 100, 64, 0.0), vectors(random, 1000, 64, 0.0)
    found, errors = byte_products(users, products)
    assert (errors < found.std(axis=1) / 4 * 127 / levels()).all()


@pytest.mark.parametrize("width", [1, 3, 64, 257])
def test_the_largest_bytes_do_not_overflow(width: int) -> None:
    most = levels()
    left = np.array([[0 + 1], [2 * most + 1]], dtype=np.uint8).repeat(width, axis=1)
    table = np.array([[-127, 127]], dtype=np.int8).repeat(width, axis=0)
    found = np.empty((2, 2), dtype=np.int32)
    IntegerProduct(table).into(left, found)()
    assert found.tolist() == (width * 127 * most * np.array([[1, -1], [-1, 1]])).tolist()


@pytest.mark.parametrize("fewer", [63, 7])
def test_fewer_levels_give_the_same_lists(fewer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    users, products = vectors(random, 60, 16, 0.5), vectors(random, 700, 16, 0.5)
    nobody = np.zeros(0, dtype=np.int64)
    wanted = top_k(users, products, 20, nobody, nobody)
    monkeypatch.setattr("stylecore.recommender.top_k_int8.levels", lambda: fewer)
    monkeypatch.setattr("stylecore.recommender.top_k_int8.levels", lambda: fewer)
    found = top_k(users, prepared(products), 20, nobody, nobody)
    assert (found.rows == wanted.rows).all()
    assert (found.scores == wanted.scores).all()


@given(st.integers(1, 200), st.integers(1, 300), st.integers(0, 255))
def test_the_file_is_onnx(width: int, columns: int, zero_point: int) -> None:
    table = np.ones((width, columns), dtype=np.int8)
    model = onnx.load_from_string(matmul_integer(table, zero_point))
    onnx.checker.check_model(model, full_check=True)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert (stored["table"] == table).all()
    assert stored["zero"] == zero_point


@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([0.0, 0.01, 0.1, 0.9, 1.0]))
def test_the_bits_that_are_set_are_found_in_order(seed: int, rows: int, share: float) -> None:
    hits = np.random.default_rng(seed).random((rows, 192)) < share
    assert positions(packed(hits)).tolist() == np.flatnonzero(hits).tolist()
