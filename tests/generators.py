"""A generator's folder as the planner reads it: a true manifest, a file that draws nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stylecore.rendering.manifest import MANIFEST, GeneratorManifest, encode_manifest

FILE = b"planning reads the manifest alone"


def write_generator(folder: Path, styles: Sequence[str], version: str = "1") -> Path:
    """Writes the manifest of a generator with these styles; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = msgspec.convert(
        {
            "name": "test-generator",
            "version": version,
            "file": "generator.onnx",
            "sha256": hashlib.sha256(FILE).hexdigest(),
            "parameters": 1,
            "working_size": 256,
            "size_multiple": 8,
            "styles": [_style(name) for name in styles],
            "training": _TRAINING,
            "figures": {},
            "made_at": "2026-01-01T00:00:00Z",
            "licence": "Apache-2.0",
            "sources": [],
        },
        GeneratorManifest,
    )
    (folder / "generator.onnx").write_bytes(FILE)
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return folder


_TRAINING = {
    "command": "none",
    "photos": "none",
    "pairs": 1,
    "steps": 1,
    "seconds": 0.0,
    "seed": 0,
    "losses": {},
    "hardware": "none",
}


def _style(name: str) -> dict[str, object]:
    return {
        "style_id": name,
        "label": name.title(),
        "kind": "procedural",
        "paper": None,
        "colour_only": False,
        "description": name,
        "swatch": f"{name}.png",
    }
