"""Fold-in: the equation's solution, implicit's own where both are defined, nothing for nobody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from preference_oracles import fold_in_one
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from stylecore.errors import Permanent
from stylecore.recommender.foldin import (
    FoldIn,
    Histories,
    Whitening,
    fold_in,
    whitening,
)

REGULARIZATION = 0.05


@st.composite
def problems(draw: st.DrawFn, negatives: bool = True) -> tuple[np.ndarray, Histories]:
    """Factors [P, F] and the histories of a few shoppers, some without any product.

    Several products a factor, as a fit gives: with fewer, single precision is all that is tested.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    width = draw(st.integers(1, 16) | st.just(64))
    products = width * draw(st.integers(4, 12))
    scale = draw(st.sampled_from([0.05, 0.3, 1.0]))
    factors = (random.normal(size=(products, width)) * scale).astype(np.float32)
    lengths = draw(st.lists(st.integers(0, min(products, 60)), max_size=8))
    rows = [random.choice(products, size=length, replace=False) for length in lengths]
    entries = sum(lengths)
    confidences = 1 + random.exponential(draw(st.sampled_from([0.1, 3.0, 30.0])), size=entries)
    unwanted = random.random(entries) < (0.2 if negatives else 0.0)
    return factors, Histories(
        starts=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        products=np.concatenate([*rows, np.zeros(0, np.int64)]).astype(np.int64),
        confidences=np.where(unwanted, 5.0, confidences).astype(np.float32),
        preferences=np.where(unwanted, -1.0, 1.0).astype(np.float32),
    )


def solved(factors: np.ndarray, histories: Histories) -> tuple[Whitening, FoldIn]:
    white = whitening(factors, REGULARIZATION)
    return white, fold_in(white.whiten(factors), histories)


@given(problems())
def test_it_solves_the_equation_also_with_negatives(
    problem: tuple[np.ndarray, Histories],
) -> None:
    factors, histories = problem
    white, found = solved(factors, histories)
    for shopper, vector in enumerate(white.unwhiten(found.vectors)):
        own = slice(*histories.starts[shopper : shopper + 2])
        exact = fold_in_one(
            factors,
            REGULARIZATION,
            histories.products[own],
            histories.confidences[own],
            histories.preferences[own],
        )
        np.testing.assert_allclose(vector, exact, rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(problems(negatives=False))
def test_it_is_what_implicit_calculates(problem: tuple[np.ndarray, Histories]) -> None:
    factors, histories = problem
    users = len(histories.starts) - 1
    if not users:
        return
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=factors.shape[1], regularization=REGULARIZATION, alpha=1.0, num_threads=1
        )
        model.item_factors = factors
        table = csr_matrix(
            (histories.confidences, histories.products, histories.starts),
            shape=(users, len(factors)),
        )
        theirs = model.recalculate_user(np.arange(users), table)
    white, found = solved(factors, histories)
    # Both solve in float32, each by another way: seen to differ by 1.5e-5 of vectors of length 10.
    np.testing.assert_allclose(white.unwhiten(found.vectors), theirs, rtol=1e-4, atol=1e-4)


@given(problems())
def test_a_vector_is_the_sum_of_its_history_s_shares(
    problem: tuple[np.ndarray, Histories],
) -> None:
    factors, histories = problem
    white, found = solved(factors, histories)
    whitened = white.whiten(factors)
    for shopper, vector in enumerate(found.vectors):
        own = slice(*histories.starts[shopper : shopper + 2])
        parts = found.shares[own, None] * whitened[histories.products[own]]
        np.testing.assert_allclose(parts.sum(axis=0), vector, rtol=1e-3, atol=1e-4)


@given(problems())
def test_whitened_vectors_give_the_same_scores(problem: tuple[np.ndarray, Histories]) -> None:
    factors, histories = problem
    white, found = solved(factors, histories)
    plain = white.unwhiten(found.vectors) @ factors.T
    np.testing.assert_allclose(found.vectors @ white.whiten(factors).T, plain, atol=1e-3)


def test_a_shopper_without_products_has_the_zero_vector() -> None:
    factors = np.ones((3, 2), dtype=np.float32)
    nothing = np.zeros(0, dtype=np.float32)
    histories = Histories(np.zeros(3, np.int64), nothing.astype(np.int64), nothing, nothing)
    assert not solved(factors, histories)[1].vectors.any()


def test_a_dismissed_product_is_pushed_below_zero() -> None:
    factors = np.eye(4, dtype=np.float32)
    history = Histories(
        starts=np.array([0, 2]),
        products=np.array([0, 1]),
        confidences=np.array([3.0, 5.0], dtype=np.float32),
        preferences=np.array([1.0, -1.0], dtype=np.float32),
    )
    white, found = solved(factors, history)
    wanted, unwanted, *others = (white.unwhiten(found.vectors) @ factors.T)[0]
    assert wanted > 0.5
    assert unwanted < -0.5
    np.testing.assert_allclose(others, 0, atol=1e-6)


@pytest.mark.parametrize("confidence", [np.nan, np.inf, 0.5, -1.0])
def test_absurd_confidences_are_refused(confidence: float) -> None:
    histories = Histories(
        starts=np.array([0, 1]),
        products=np.array([0]),
        confidences=np.array([confidence], dtype=np.float32),
        preferences=np.ones(1, dtype=np.float32),
    )
    with pytest.raises(Permanent, match="confidences"):
        fold_in(np.ones((2, 2), dtype=np.float32), histories)


@pytest.mark.parametrize(("value", "regularization"), [(np.nan, 0.1), (1.0, 0.0), (1.0, np.nan)])
def test_unusable_factors_are_refused(value: float, regularization: float) -> None:
    with pytest.raises(Permanent, match="factors"):
        whitening(np.full((2, 2), value, dtype=np.float32), regularization)
