"""The generator's manifest: file, styles, postprocessing, gate bounds and figures.

`manifest.json` lies beside the ONNX file that it names; `load_manifest` checks it and the file's
sha256, so that only the described weights are served.

`PostprocessParams` are chosen by eye and by table, not learnt: a wash is softer and a woodcut
crisper than the network draws them, old pigments and prints are more muted, and where strokes run
wild a share of the photo holds the product together.

`Bounds` of the gate's figures belong to a style, a blend or a reference. Of identity, structure,
style and visibility more is better and a bound is the least; of background, halo and colour, which
are distances, less is better and a bound is the most. A figure without a bound, or that was not
measured, rejects nothing.
The figures are measured in gate.py; the bounds are calibrated in stylecore.evaluation.gate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from schemas.codec import decoder_of
from schemas.events import Quality, RejectionReason
from stylecore.errors import Permanent

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Light = Annotated[float, msgspec.Meta(gt=0, le=1)]
_GREY = (1.0, 1.0, 1.0)


class PostprocessParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Parameters of a style's postprocessing; the default changes nothing."""

    sharpness: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    """Of the unsharp mask: above 0 crisper, below softer, -1 as soft as its blur."""
    photo: Share = 0.0
    """Share of the photo that shows through."""
    detail: Share = 0.0
    """Share of the photo's fine luminance that goes back in."""
    colour: Annotated[float, msgspec.Meta(ge=0, le=2)] = 1.0
    """How far colours lie from the tint of their lightness: below 1 muted, above 1 vivid."""
    tint: tuple[_Light, _Light, _Light] = _GREY
    """RGB of what has lost its colour, as light as may be: the style's paper, or a print's tone."""


def blended_params(
    parts: Sequence[PostprocessParams], weights: Iterable[float]
) -> PostprocessParams:
    """Return the parameters of a blend of styles: the weighted mean, the weights' sum 1."""
    shares = list(zip(weights, parts, strict=True))
    red, green, blue = (
        float(sum(share * params.tint[channel] for share, params in shares)) for channel in range(3)
    )
    return PostprocessParams(
        sharpness=float(sum(share * params.sharpness for share, params in shares)),
        photo=float(sum(share * params.photo for share, params in shares)),
        detail=float(sum(share * params.detail for share, params in shares)),
        colour=float(sum(share * params.colour for share, params in shares)),
        tint=(min(red, 1.0), min(green, 1.0), min(blue, 1.0)),
    )


ADVICE = {
    "identity": "the product can be taken for another one; lower the style's strength",
    "structure": "the product's shapes and print are lost; lower the strength, or take a larger "
    "and sharper photo",
    "style": "the style can hardly be seen; raise the strength, or choose another style",
    "background": "the ground is not clean; take a photo on an even ground",
    "visibility": "part of the product cannot be told from its ground; take a photo on a ground of "
    "another colour, or choose a style with darker paper",
    "halo": "a rim of another colour lies about the product; take a photo on an even ground",
    "colour": "the product's colours are not the photo's; set product strength 0",
}
"""Figure to what is wrong and what a person can do."""
FIGURES = tuple(ADVICE)
SMALLER_IS_BETTER = frozenset({"background", "halo", "colour"})


class Bounds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bound of each figure of `Quality` with which a render is published."""

    identity: float | None = None
    structure: float | None = None
    style: float | None = None
    background: float | None = None
    visibility: float | None = None
    halo: float | None = None
    colour: float | None = None


def judge(quality: Quality, bounds: Bounds) -> list[RejectionReason]:
    """Return the figures that miss their bound; none when the render may be published."""
    found = ((name, getattr(quality, name), getattr(bounds, name)) for name in FIGURES)
    return [
        RejectionReason(figure=name, value=value, bound=bound, text=ADVICE[name])
        for name, value, bound in found
        if value is not None and bound is not None and misses(name, value, bound)
    ]


def misses(figure: str, value: float, bound: float) -> bool:
    """Return whether the value is on the wrong side of the bound."""
    return value > bound if figure in SMALLER_IS_BETTER else value < bound


def rounded_apart(value: float, bound: float) -> tuple[str, str]:
    """Both in words, with as many digits, two at least, as it takes to see them apart."""
    digits = 2
    while digits < 16 and f"{value:.{digits}f}" == f"{bound:.{digits}f}" and value != bound:
        digits += 1
    return f"{value:.{digits}f}", f"{bound:.{digits}f}"


def blended_bounds(parts: Sequence[tuple[float, Bounds]]) -> Bounds:
    """The share-weighted mean of (share, bounds); a part without a bound does not count in it."""
    return Bounds(**{name: _mean(name, parts) for name in FIGURES})


def loosest(parts: Iterable[Bounds]) -> Bounds:
    """Of each figure the bound that lets most pass; none where a part has none."""
    bounds = list(parts)
    return Bounds(**{name: _loosest(name, bounds) for name in FIGURES})


def overridden(bounds: Bounds, by: Bounds) -> Bounds:
    """Return the bounds, but those of `by` where it has any."""
    own = {name: getattr(by, name) for name in FIGURES if getattr(by, name) is not None}
    return msgspec.structs.replace(bounds, **own)


def _mean(name: str, parts: Sequence[tuple[float, Bounds]]) -> float | None:
    known = [(share, getattr(bounds, name)) for share, bounds in parts]
    counted = [(share, bound) for share, bound in known if bound is not None]
    total = sum(share for share, _ in counted)
    return sum(share * bound for share, bound in counted) / total if total > 0 else None


def _loosest(name: str, parts: Sequence[Bounds]) -> float | None:
    known = [getattr(bounds, name) for bounds in parts]
    if not known or None in known:
        return None
    return float(max(known) if name in SMALLER_IS_BETTER else min(known))


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
    finish: PostprocessParams = PostprocessParams()
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
    """A shipped generator. `working_size` is the short side it was trained at, in px."""

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
    """The precision that is served by default; fp32 where the manifest has none."""


def load_manifest(folder: Path) -> GeneratorManifest:
    """Return the checked manifest of a generator's folder.

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
