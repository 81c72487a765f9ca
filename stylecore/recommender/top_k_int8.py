"""Where the bits of many words are set, when few are.

The ONNX file of one MatMulInteger node: the package onnx is no part of what serves.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 has the numbers of the fields.

The product of bytes with a table of bytes, by onnxruntime: several times a float's speed.

Where the processor adds pairs of products in 16 bits and cuts off what does not fit (x86 without
VNNI), the users' bytes are kept so small that everything fits.

Vectors rounded to bytes, and how far their products with each other can be off.

Candidates by products of bytes, which are fast, off by a known amount, and so never too few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stylecore.arrays import Bools, Bytes, Floats, Ints, Unsigned
from stylecore.recommender.top_k_exact import (
    MOST_CELLS,
    Masks,
    Pairs,
    Ties,
    finite,
    lengths,
    reached_by,
    ties,
    without_surplus,
)

WORD = 64
ONE = np.uint64(1)


def packed(hits: Bools) -> Unsigned:
    """Hits [B, W] as words [B, W / 64], the first hit the lowest bit; W is a multiple of 64."""
    words = np.packbits(hits, bitorder="little").view("<u8")
    return words.reshape(len(hits), -1)


def positions(words: Unsigned) -> Ints:
    """The ascending numbers of the bits that are set, of all words one after another.

    The lowest bits of all words at once, then the next: a fraction of numpy's nonzero's time, which
    is slow where between 1 and 10 of 100 are set.
    """
    flat = words.ravel()
    filled = np.flatnonzero(flat != 0)
    left = flat[filled]
    counts = np.bitwise_count(left)
    places = np.cumsum(counts, dtype=np.int64) - counts
    found = np.empty(int(counts.sum(dtype=np.int64)), dtype=np.int64)
    first = filled * WORD
    while len(left):
        above = left & (left - ONE)
        found[places] = first + np.bitwise_count((left ^ above) - ONE)
        more = np.flatnonzero(above != 0)
        left, places, first = above[more], places[more] + 1, first[more]
    return found


_UINT8, _INT8 = 2, 3
_IR_VERSION, _OPERATORS = 5, 10
"""The first versions with the operator."""


def matmul_integer(table: NDArray[np.int8], zero_point: int) -> bytes:
    """A model of y = (a - zero point) . table, for a [B, D] of bytes and a table [D, P]."""
    node = (
        b"".join(_field(1, name) for name in (b"a", b"table", b"zero"))
        + _field(2, b"y")
        + _field(4, b"MatMulInteger")
    )
    zero = np.array(zero_point, dtype=np.uint8)
    graph = (
        _field(1, node)
        + _field(2, b"g")
        + _field(5, _tensor(b"table", _INT8, table))
        + _field(5, _tensor(b"zero", _UINT8, zero))
        + _field(11, _field(1, b"a") + _matrix(_UINT8))
        + _field(12, _field(1, b"y") + _matrix(6))
    )
    return _number(1, _IR_VERSION) + _field(7, graph) + _field(8, _number(2, _OPERATORS))


def _tensor(name: bytes, kind: int, values: NDArray[np.int8] | Bytes) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, kind) + _field(8, name) + _field(9, values.tobytes())


def _matrix(kind: int) -> bytes:
    """The type of a matrix of any size."""
    return _field(2, _field(1, _number(1, kind) + _field(2, 2 * _field(1, b""))))


def _field(number: int, content: bytes) -> bytes:
    return _variable(number << 3 | 2) + _variable(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _variable(number << 3) + _variable(value)


def _variable(value: int) -> bytes:
    """Seven bits a byte, lowest first; all bytes but the last have the eighth bit."""
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


_ERRORS_ONLY = 3


class IntegerProduct:
    """A table of bytes [D, P], laid out for the processor once."""

    def __init__(self, table: NDArray[np.int8], zero_point: int | None = None) -> None:
        """The users' bytes stand for themselves less the zero point."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        point = levels() + 1 if zero_point is None else zero_point
        self._session = onnxruntime.InferenceSession(
            matmul_integer(table, point), options, providers=["CPUExecutionProvider"]
        )

    def into(self, left: Bytes, out: NDArray[np.int32]) -> Callable[[], None]:
        """A call that fills out [B, P] with (left [B, D] - zero point) . table as they stand then.

        Both are C-contiguous and outlive the call.
        """
        binding = self._session.io_binding()
        binding.bind_input("a", "cpu", 0, np.uint8, left.shape, left.ctypes.data)
        binding.bind_output("y", "cpu", 0, np.int32, out.shape, out.ctypes.data)
        return partial(self._session.run_with_iobinding, binding)


@cache
def levels() -> int:
    """Users run from minus this to this: 127, or 63 where sums of 127 * 255 are cut off."""
    table = np.full((64, 64), 127, dtype=np.int8)
    product = np.empty((64, 64), dtype=np.int32)
    left = np.full((64, 64), 255, dtype=np.uint8)
    IntegerProduct(table, zero_point=128).into(left, product)()
    return 127 if (product == 64 * 127 * 127).all() else 63


ROUNDING = 2.0**-22
"""Four times the unit of rounding of single precision: what the exact scores themselves, and the
lengths below, may be off by, a dimension."""
MULTIPLE = 64
"""The number of columns is a multiple: halves of halves are whole, and bits fill whole words."""
PRODUCT_LEVELS = 127
"""Products run from minus this to this."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Products ready to be ranked many times."""

    vectors: Floats
    """[P, D]"""
    scales: Floats
    """[D], the largest of each dimension: vectors over them are as fine in each. A user is times
    them, so that products stay what they are."""
    product: IntegerProduct
    """With the vectors as bytes, a column each; columns of zeros follow up to a multiple of 64."""
    longest: float
    """The length of the longest vector over the scales, in steps of the bytes."""
    farthest: float
    """The length of the longest difference between a vector and its bytes, in such steps."""
    ties: Ties

    @property
    def columns(self) -> int:
        """P, rounded up."""
        return -(-len(self.vectors) // MULTIPLE) * MULTIPLE


def prepared(products: Floats) -> Prepared:
    """Products [P, D] as top_k takes them; a few milliseconds for 5,000.

    Raises ValueError for NaN or infinity.
    """
    finite("product", products)
    vectors = np.ascontiguousarray(products, dtype=np.float32)
    exact = vectors.astype(np.float64)
    largest = np.abs(vectors).max(axis=0, initial=0)
    scales = np.where(largest > 0, largest, np.float32(1))
    exact *= PRODUCT_LEVELS / scales
    rounded = np.rint(exact)
    table = np.zeros((vectors.shape[1], -(-len(vectors) // MULTIPLE) * MULTIPLE), dtype=np.int8)
    table[:, : len(vectors)] = rounded.T
    return Prepared(
        vectors=vectors,
        scales=scales,
        product=IntegerProduct(table),
        longest=float(np.linalg.norm(exact, axis=1).max(initial=0.0)),
        farthest=float(np.linalg.norm(exact - rounded, axis=1).max(initial=0.0)),
        ties=ties(vectors),
    )


@dataclass(frozen=True, slots=True)
class QuantizedUsers:
    """Users as bytes, each in steps of its own."""

    bytes: Bytes
    """[B, D], the integers plus the zero point."""
    errors: Floats
    """[B], what a product of integers may differ at most from the exact score, in steps of both.

    For u = r + d and p = q + e, u.p - r.q = d.p + r.e, of which Cauchy and Schwarz say that it is
    at most |d| |p| + |r| |e|.
    """


def quantized(users: Floats, products: Prepared) -> QuantizedUsers:
    """Users [B, D] for the product with the prepared ones."""
    users = users * products.scales
    highest = np.abs(np.ascontiguousarray(users.T)).max(axis=0)[:, None]  # rows are too short
    steps: Floats = np.maximum(highest, np.finfo(np.float32).tiny) / np.float32(levels())
    scaled = users / steps
    rounded = np.rint(scaled)
    left, kept = lengths(scaled - rounded), lengths(rounded)
    slack = ROUNDING * (users.shape[1] + 1) * (kept + left) * products.longest
    errors = left * products.longest + kept * products.farthest + slack
    return QuantizedUsers(
        bytes=(rounded + (levels() + 1)).astype(np.uint8), errors=errors.astype(np.float32)
    )


BLOCK_BYTES = 2**20
"""Of the products that stand in memory at once: few enough for the processor's cache."""
FEWEST = 16
"""Users at once however many products there are: the table of bytes is read for each block."""
LOWEST = np.int32(-(2**30))
"""A masked product's; any product of bytes is above it, and sums with it stay in 32 bits."""


def candidates(users: Floats, products: Prepared, k: int, masks: Masks) -> Iterator[Pairs]:
    """Pairs that hold the k best products of each user, some users at a time; 1 <= k <= P.

    At least k products reach the bound less the error; what is under that by more than the error
    again is none of the k best.
    """
    masks = without_surplus(masks, products.ties, k)
    near = quantized(users, products)
    slack = np.minimum(np.ceil(2 * near.errors), -LOWEST).astype(np.int32)
    hits = np.empty((len(users), products.columns // WORD), dtype=np.uint64)
    for block, scores in _blocks(near, products, masks):
        bounds = np.maximum(reached_by(scores, k) - slack[block], LOWEST + 1)
        hits[block] = packed(scores >= bounds[:, None])
    for piece in _pieces(hits):
        yield _pairs(hits[piece])


def _blocks(
    near: QuantizedUsers, products: Prepared, masks: Masks
) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """Some users at a time, and their products of bytes [.., columns]; what is masked is LOWEST.

    The next block is written over the one before.
    """
    columns, count = products.columns, len(near.bytes)
    blocks = -(-count // max(FEWEST, BLOCK_BYTES // (4 * columns)))
    rows = -(-count // blocks)
    left = np.zeros((rows, near.bytes.shape[1]), dtype=np.uint8)
    room = np.empty((rows, columns), dtype=np.int32)
    multiply = products.product.into(left, room)
    masked = masks.users * columns + masks.products
    firsts = range(0, count, rows)
    ends = np.searchsorted(masks.users, [*firsts, count]).tolist()
    for number, first in enumerate(firsts):
        block = slice(first, min(first + rows, count))
        left[: block.stop - first] = near.bytes[block]
        multiply()
        room.ravel()[masked[ends[number] : ends[number + 1]] - first * columns] = LOWEST
        room[:, len(products.vectors) :] = LOWEST
        if len(masks.absent):
            room[:, masks.absent] = LOWEST
        yield block, room[: block.stop - first]


def _pieces(hits: Unsigned) -> Iterator[slice]:
    """Users one after another whose table of candidates has at most MOST_CELLS."""
    counts = np.bitwise_count(hits).sum(axis=1, dtype=np.int64).tolist()
    first, widest = 0, 0
    for user, count in enumerate(counts):
        widest = max(widest, count)
        if user > first and widest * (user + 1 - first) > MOST_CELLS:
            yield slice(first, user)
            first, widest = user, count
    yield slice(first, len(counts))


def _pairs(hits: Unsigned) -> Pairs:
    """Where the words [B, columns / 64] have bits."""
    found = positions(hits)
    starts = np.arange(len(hits) + 1) * hits.shape[1] * WORD
    counts = np.diff(np.searchsorted(found, starts))
    return Pairs(counts=counts, products=found - np.repeat(starts[:-1], counts))
