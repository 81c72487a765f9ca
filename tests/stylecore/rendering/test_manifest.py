"""What the manifest promises: what was written is read, and what is wrong is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from stylecore.errors import Permanent
from stylecore.rendering.manifest import MANIFEST, encode_manifest, load_manifest

WEIGHTS = b"not really a network"


def entries(**changes: Any) -> dict[str, Any]:
    style = {
        "style_id": "neon",
        "label": "Neon",
        "kind": "procedural",
        "paper": [5, 6, 20],
        "colour_only": False,
        "description": "Glowing edges",
        "swatch": "swatches/neon.png",
    }
    training = {
        "command": "train",
        "photos": "train",
        "pairs": 3,
        "steps": 10,
        "seconds": 1.5,
        "seed": 7,
        "losses": {"pair": 4.0},
        "hardware": "2 threads",
    }
    return {
        "name": "stylecast-generator",
        "version": "1",
        "file": "generator.onnx",
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "parameters": 1000,
        "working_size": 256,
        "size_multiple": 8,
        "styles": [style],
        "training": training,
        "figures": {"neon": {"ssim": 0.6}},
        "made_at": "2026-11-23T10:00:00+00:00",
        "licence": "Apache-2.0",
        "sources": ["photos: CC0"],
    } | changes


def write(folder: Path, manifest: dict[str, Any]) -> Path:
    (folder / "generator.onnx").write_bytes(WEIGHTS)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_what_was_written_is_read(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, entries()))
    assert manifest.styles[0].paper == (5, 6, 20)
    (tmp_path / MANIFEST).write_bytes(encode_manifest(manifest))
    assert load_manifest(tmp_path) == manifest


def test_an_encoder_of_references_is_optional_and_checked_like_the_generator(
    tmp_path: Path,
) -> None:
    assert load_manifest(write(tmp_path, entries())).reference is None
    named = {"file": "reference.onnx", "sha256": hashlib.sha256(b"encoder").hexdigest()}
    folder = write(tmp_path, entries(reference=named))
    with pytest.raises(Permanent, match=r"reference\.onnx, which is not there"):
        load_manifest(folder)
    (folder / "reference.onnx").write_bytes(b"another")
    with pytest.raises(Permanent, match=r"reference\.onnx has the sha256"):
        load_manifest(folder)
    (folder / "reference.onnx").write_bytes(b"encoder")
    assert load_manifest(folder).reference.file == "reference.onnx"


def test_a_field_of_a_later_version_is_tolerated(tmp_path: Path) -> None:
    assert load_manifest(write(tmp_path, entries(quantisation="int8"))).name


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"file": "other.onnx"}, "not there"),
        ({"file": "../generator.onnx"}, "file"),
        ({"styles": []}, "styles"),
        ({"styles": entries()["styles"] * 2}, "'neon' twice"),
        ({"styles": [entries()["styles"][0] | {"paper": [0, 0, 300]}]}, "paper"),
        ({"working_size": 0}, "working_size"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Permanent, match=told):
        load_manifest(write(tmp_path, entries(**changes)))


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no generator in"):
        load_manifest(tmp_path)
