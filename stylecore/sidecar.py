"""What is kept of a render beside its picture, under a key that is known before it is drawn."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from schemas.codec import decode, encode
from schemas.events import Quality, StyleDefinition
from stylecore.store import Store

FOLDER = "renders"


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """A stored render: its picture and the gate's figures. The verdict is not kept: bounds move."""

    image_uri: str
    sha256: str
    width: int
    height: int
    media_type: str
    quality: Quality


def style_sha256(definition: StyleDefinition, reference: str | None = None) -> str:
    """Identity of a style, 64 hex digits: its definition and its reference picture's sha256.

    The order of the weights does not count; what lies at an address may change, so its bytes do.
    """
    identity = msgspec.json.encode(definition, order="deterministic")
    return sha256(identity + (reference or "").encode()).hexdigest()


def render_key(*, source: str, style: str, model: str, size: int, seed: int) -> str:
    """Identity of a render: photo bytes, style, model version, working size and noise."""
    return sha256("\n".join((source, style, model, str(size), str(seed))).encode()).hexdigest()


def read_sidecar(store: Store, key: str) -> Sidecar | None:
    """What was drawn under this key before, or None. Raises Transient."""
    data = store.get_sidecar(FOLDER, key)
    return None if data is None else decode(Sidecar, data)


def write_sidecar(store: Store, key: str, sidecar: Sidecar) -> Sidecar:
    """Keep the sidecar unless another was first; return the one that is kept. Raises Transient."""
    return decode(Sidecar, store.put_sidecar(FOLDER, key, encode(sidecar)))
