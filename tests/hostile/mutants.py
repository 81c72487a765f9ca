"""Seeded mutants of good bytes: each number is one mutant, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutator = Callable[[bytearray, bytes, random.Random], bytearray]

EDGES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def mutant(seeds: Sequence[bytes], number: int) -> bytes:
    """The mutant of that number: one to eight changes to one of the seeds."""
    chance = random.Random(number)
    data, other = bytearray(chance.choice(seeds)), chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        data = chance.choice(MUTATORS)(data or bytearray(1), other, chance)
    return bytes(data)


def _flip(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 4, 32))):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)
    return data


def _edge(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    """Lengths and counts go to their ends."""
    at, width = _place(data, chance), chance.choice((1, 2, 4))
    data[at : at + width] = bytes([chance.choice(EDGES)]) * width
    return data


def _cut(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    return data[: _place(data, chance)]


def _drop(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 7, 64, 1000))]
    return data


def _repeat(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    at, width = _place(data, chance), chance.choice((2, 12, 200, 4000))
    return data[:at] + data[at : at + width] * chance.choice((2, 10, 50)) + data[at:]


def _splice(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    """One file's beginning, another's end."""
    return data[: _place(data, chance)] + other[_place(other, chance) :]


def _noise(data: bytearray, other: bytes, chance: random.Random) -> bytearray:
    at = _place(data, chance)
    data[at : at + 16] = chance.randbytes(chance.randrange(64))
    return data


def _place(data: bytearray | bytes, chance: random.Random) -> int:
    """Half of the places lie in the first kilobyte, where the headers are."""
    return chance.randrange(min(len(data), 1024) if chance.random() < 0.5 else len(data))


MUTATORS: tuple[Mutator, ...] = (_flip, _flip, _edge, _cut, _drop, _repeat, _splice, _noise)
