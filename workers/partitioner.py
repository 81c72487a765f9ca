"""Java's default partitioner, which every producer of ours uses: whose key belongs where.

murmur2 by Austin Appleby, with the seed of org.apache.kafka.common.utils.Utils.murmur2.
"""

from __future__ import annotations

from functools import lru_cache

_SEED, _M, _R = 0x9747B28C, 0x5BD1E995, 24
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=200_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a record with this key, as `murmur2_random` and Java choose it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit hash, unsigned."""
    length = len(data)
    value = _SEED ^ length
    whole = length - length % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        word ^= word >> _R
        value = (value * _M & _MASK) ^ (word * _M & _MASK)
    if whole < length:
        value ^= int.from_bytes(data[whole:], "little")
        value = value * _M & _MASK
    value ^= value >> 13
    value = value * _M & _MASK
    return value ^ (value >> 15)
