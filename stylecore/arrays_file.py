"""Named arrays in one file that can be mapped into memory: the safetensors format.

Eight bytes of header length, a JSON header with a text for each key of `__metadata__` and shape
and place of each array, then the arrays as they lie in memory. Nothing in it can be run, and any
safetensors reader opens it. What the arrays mean is not known here, nor whether the bytes are the
right ones: that is the reader's to check, before.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np

from stylecore.arrays import Bytes, Floats
from stylecore.errors import Permanent

METADATA = "__metadata__"
_LENGTH_BYTES = 8
_ALIGNMENT = 8


class _Place(msgspec.Struct, frozen=True):
    """Where an array lies, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def encode_arrays(metadata: Mapping[str, str], arrays: Mapping[str, Floats]) -> bytes:
    """The file's bytes: the same for the same content."""
    contents = [np.ascontiguousarray(array, dtype="<f4").tobytes() for array in arrays.values()]
    ends = list(accumulate(map(len, contents), initial=0))
    header: dict[str, Any] = {METADATA: dict(metadata)}
    for name, array, start, end in zip(arrays, arrays.values(), ends[:-1], ends[1:], strict=True):
        header[name] = _Place(dtype="F32", shape=array.shape, data_offsets=(start, end))
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join((len(text).to_bytes(_LENGTH_BYTES, "little"), text, *contents))


def arrays_in(content: Bytes, name: str) -> tuple[dict[str, str], dict[str, Floats]]:
    """Metadata and arrays of the bytes; the arrays are views, so that a mapped file stays mapped.

    Raises Permanent, naming the file, where the bytes are no such file.
    """
    try:
        length = int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
        data = content[_LENGTH_BYTES + length :]
        text = content[_LENGTH_BYTES : _LENGTH_BYTES + length].tobytes()
        header = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(header.pop(METADATA), type=dict[str, str])
        places = {key: msgspec.json.decode(raw, type=_Place) for key, raw in header.items()}
        return metadata, {key: _view(data, place) for key, place in places.items()}
    except (KeyError, ValueError, OverflowError) as problem:
        raise Permanent(f"{name} is not a file of arrays: {problem}") from problem


def _view(data: Bytes, place: _Place) -> Floats:
    if place.dtype != "F32":
        raise ValueError(f"numbers are {place.dtype}, not F32")
    start, end = place.data_offsets
    if not 0 <= start <= end <= len(data):
        raise ValueError(f"an array at {start} to {end} of {len(data)} bytes")
    array: Floats = np.asarray(data[start:end]).view("<f4").reshape(place.shape)
    return array
