"""What is kept of a render beside its picture, under a key that is known before it is drawn."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import structlog

from schemas.codec import encode
from schemas.events import Quality, StyleDefinition
from schemas.types import Label, Pixels, Sha256, Uri
from stylecore.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger()

FOLDER = "renders"


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """A stored render: its picture and the gate's figures. The verdict is not kept: bounds move."""

    image_uri: Uri
    sha256: Sha256
    width: Pixels
    height: Pixels
    media_type: Label
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
    """What was drawn under this key before, or None. Raises Transient.

    A sidecar that cannot be read, or whose image is gone or empty, is logged and counts as absent.
    """
    sidecar = store.get_json(FOLDER, key, Sidecar)
    if sidecar is not None and not store.has_blob(sidecar.image_uri):
        log.warning("sidecar_without_image", key=key, image_uri=sidecar.image_uri)
        return None
    return sidecar


def write_sidecar(store: Store, key: str, sidecar: Sidecar) -> Sidecar:
    """Keep the sidecar unless another was first; return the one that is kept. Raises Transient."""
    data = encode(sidecar)
    if store.put_sidecar(FOLDER, key, data) == data:
        return sidecar
    kept = read_sidecar(store, key)
    if kept is None:
        store.replace_sidecar(FOLDER, key, data)
        return sidecar
    return kept
