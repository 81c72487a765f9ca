"""The k best products of each user, by the way that suits how the products are given."""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Bools, Floats, Ints
from stylecore.rank import all_scores, shortlist
from stylecore.rank.quantized import Prepared
from stylecore.rank.ranking import NONE, Ranking, finite, joined, masks
from stylecore.rank.rescored import rescored


def top_k(
    users: Floats,
    products: Floats | Prepared,
    k: int,
    masked_users: Ints,
    masked_products: Ints,
    absent: Bools | None = None,
) -> Ranking:
    """The k highest scores users [B, D] . products [P, D] of each user.

    User masked_users[i] does not get product masked_products[i]; nobody gets an absent one. Equal
    scores go to the lower row, so that an answer does not depend on the batch. Prepared products
    are ranked several times faster, and give the same answer.

    Raises ValueError for NaN or infinity, for users and products of different widths, and for masks
    outside of the tables.
    """
    vectors = products.vectors if isinstance(products, Prepared) else _singles(products)
    if users.shape[1] != vectors.shape[1]:
        raise ValueError(f"users have {users.shape[1]} factors, the products {vectors.shape[1]}")
    finite("user", users)
    hidden = masks(masked_users, masked_products, absent, (len(users), len(vectors)))
    k = min(k, len(vectors))
    if k == 0 or len(users) == 0:
        return Ranking(
            rows=np.full((len(users), k), NONE, dtype=np.int64),
            scores=np.full((len(users), k), -np.inf, dtype=np.float32),
        )
    users = _singles(users)
    if isinstance(products, Prepared):
        found = shortlist.candidates(users, products, k, hidden)
    else:
        finite("product", vectors)
        found = all_scores.candidates(users, vectors, k, hidden)
    first, parts = 0, []
    for pairs in found:
        part = users[first : first + len(pairs.counts)]
        parts.append(rescored(part, vectors, pairs.table(), k))
        first += len(part)
    return joined(parts)


def _singles(vectors: Floats) -> Floats:
    return np.ascontiguousarray(vectors, dtype=np.float32)
