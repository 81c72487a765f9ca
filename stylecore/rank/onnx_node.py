"""The ONNX file of one MatMulInteger node: the package onnx is no part of what serves.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 has the numbers of the fields.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Bytes

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
