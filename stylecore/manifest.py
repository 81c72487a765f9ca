"""The manifest of a shipped generator: what the file is, its styles, how it was made, its figures.

It lies as `manifest.json` beside the ONNX file that it names. `load_manifest` checks it and the
file's sha256, so that nobody serves weights that are not the ones described. It knows nothing of
the network inside the file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from schemas.codec import decoder_of
from stylecore.bounds import Bounds
from stylecore.errors import Permanent
from stylecore.finish import Finish

MANIFEST = "manifest.json"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
FilePath = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=300)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, msgspec.Meta(ge=1)]
Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Manifest = TypeVar("Manifest", bound=msgspec.Struct)


class ManifestStyle(msgspec.Struct, frozen=True, kw_only=True):
    """One style: its place in the list is its place in the generator's weights."""

    style_id: Text
    label: Text
    kind: Literal["reference", "procedural"]
    paper: tuple[Channel, Channel, Channel] | None
    """The colour, 0-255, that plain ground becomes; None: white stays white."""
    colour_only: bool
    description: Text
    swatch: FilePath
    """PNG beside the manifest."""
    finish: Finish = Finish()
    """What is done to its renders after the network."""
    bounds: Bounds = Bounds()
    """Of the gate's figures, from `stylecast evaluate gate`; without one a figure rejects nothing.
    """


class TrainingRun(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights came about."""

    command: Text
    photos: Text
    pairs: Count
    steps: Count
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    seed: int
    losses: dict[str, float]
    hardware: Text


class ShippedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file beside the manifest."""

    file: FileName
    sha256: Sha256


Precision = Literal["fp32", "fp16", "int8"]


class Variant(ShippedFile, frozen=True, kw_only=True):
    """The same generator in another precision, and how far its renders are from the FP32 ones."""

    figures: dict[str, float]


class GeneratorManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A generator as it is shipped. `working_size` is the short side it was trained at, in px."""

    name: Text
    version: Text
    file: FileName
    sha256: Sha256
    parameters: Count
    working_size: Count
    size_multiple: Count
    styles: Annotated[tuple[ManifestStyle, ...], msgspec.Meta(min_length=1)]
    training: TrainingRun
    figures: dict[str, dict[str, float]]
    """Style to figure to value, as measured by the evaluation named in the model card."""
    made_at: Text
    licence: Text
    sources: tuple[Text, ...]
    reference: ShippedFile | None = None
    """The encoder that turns a picture into weights of this generator's styles, if there is one."""
    variants: dict[Precision, Variant] = {}
    """Files of other precision than `file`, which is fp32."""
    served: dict[Literal["cpu", "cuda"], Precision] = {}
    """What is served where nobody asks for a precision; fp32 where nothing is said."""


def load_manifest(folder: Path) -> GeneratorManifest:
    """The checked manifest of a generator's folder.

    Raises Permanent when there is none, it is malformed, a style comes twice, or a file that it
    names lacks or has another sha256.
    """
    manifest = read_manifest(folder, GeneratorManifest, "generator")
    _check_styles(manifest, folder / MANIFEST)
    check_file(folder / manifest.file, manifest.sha256)
    if manifest.reference is not None:
        check_file(folder / manifest.reference.file, manifest.reference.sha256)
    for variant in manifest.variants.values():
        check_file(folder / variant.file, variant.sha256)
    return manifest


def read_manifest(folder: Path, kind: type[Manifest], what: str) -> Manifest:
    """The manifest of a folder; `what` names the model in errors. The model file is not looked at.

    Raises Permanent when there is none or it is malformed.
    """
    path = folder / MANIFEST
    try:
        manifest: Manifest = decoder_of(kind).decode(path.read_bytes())
    except OSError as problem:
        raise Permanent(f"no {what} in {folder}: {problem.strerror or problem}") from problem
    except msgspec.DecodeError as problem:
        raise Permanent(f"{path} is no {what} manifest: {problem}") from problem
    return manifest


def encode_manifest(manifest: msgspec.Struct) -> bytes:
    """Indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def check_file(file: Path, expected: str) -> None:
    """Raises Permanent unless `file` is there and has the sha256 `expected`."""
    if not file.is_file():
        raise Permanent(f"the manifest names {file}, which is not there")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != expected:
        raise Permanent(
            f"{file} has the sha256 {found[:12]}..., its manifest says {expected[:12]}...: "
            "fetch or export the model again"
        )


def _check_styles(manifest: GeneratorManifest, path: Path) -> None:
    ids = [style.style_id for style in manifest.styles]
    if twice := {style_id for style_id in ids if ids.count(style_id) > 1}:
        raise Permanent(f"{path} names the style {min(twice)!r} twice")
