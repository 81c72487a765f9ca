"""The matte network on ONNX Runtime: the product of any photo, cut out at the photo's size.

The network looks at a small photo; its matte is refined against the photo as large as it is
(stylecore/imaging/matte.py). A photo that has an alpha channel of its own is cut out by that. A
matte of low confidence, or one that covers nothing or everything, is not used: the photo stays
whole, and the quality record says so. Several products, and a person who wears one, are cut out
together; a product that the frame cuts off ends at the frame, and what else reaches in from there
is left out.

`MatteNet` takes a folder with `manifest.json`, or an ONNX file of somebody's own: one input
[1, 3, H, W] of [0, 1], RGB, sides free and multiples of 32 or fixed, and one output [1, 1, H, W],
alpha of [0, 1].
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import onnxruntime
from PIL import Image

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.imaging.foreground import has_plain_ground, product_mask
from stylecore.imaging.matte import (
    confidence_of,
    foreground_colors,
    joined_on_plain_ground,
    refined,
    resized,
    settled,
    without_strays,
)
from stylecore.imaging.photo import Photo, Pixels, to_floats, to_pixels
from stylecore.rendering.composition import PROVIDER_NAMES, Provider
from stylecore.rendering.manifest import Count, FileName, Sha256, Text, check_file, read_manifest

SIZE_MULTIPLE = 32
SHORT_SIDE = 256
"""Pixels of the short side for a network without manifest whose sides are free."""
SLOWEST = 5.0
"""Seconds that a network may take for a photo of SHORT_SIDE."""
LEAST_CONFIDENCE = 0.85
TRUSTED = 0.93
"""Confidence of the network from which it is heeded on plain ground."""
LEAST_SHARE, MOST_SHARE = 0.005, 0.97
"""Share of the photo that a product covers."""
UNCERTAIN = "matte-uncertain"
"""Note: no product was found for sure, and the photo stayed whole."""


class MatteTraining(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights came about."""

    command: Text
    photos: Count
    rendered: Annotated[int, msgspec.Meta(ge=0)]
    """Photos of rendered products, with exact alpha."""
    steps: Count
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    seed: int
    hardware: Text


class MatteManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A shipped matte network. `short_side` in px is what a photo is brought to."""

    name: Text
    version: Text
    file: FileName
    sha256: Sha256
    parameters: Count
    short_side: Count
    training: MatteTraining
    figures: dict[str, float]
    """On photos that were not trained on, as measured by `stylecast evaluate matte`."""
    made_at: Text
    licence: Text
    sources: tuple[Text, ...]


@dataclass(frozen=True)
class Cutout:
    """Where the product of a photo is: alpha [H, W] of [0, 1] at the photo's two sizes."""

    photo: Photo
    alpha: Floats
    large_alpha: Floats | None
    """At the size of `Photo.large`, where there is one."""
    confidence: float
    """0 to 1; 1 for a photo's own alpha."""
    version: str
    """Of the network that was asked; 'alpha' for a photo's own."""

    @property
    def is_certain(self) -> bool:
        """Whether the product may be shown on another ground."""
        share = float(self.alpha.mean())
        return self.confidence >= LEAST_CONFIDENCE and LEAST_SHARE <= share <= MOST_SHARE

    @property
    def largest(self) -> tuple[Pixels, Floats]:
        """Pixels [H, W, 3] and alpha [H, W] at the larger of the photo's sizes."""
        if self.photo.large is None or self.large_alpha is None:
            return self.photo.pixels, self.alpha
        return self.photo.large, self.large_alpha

    @cached_property
    def colors(self) -> Pixels:
        """[H, W, 3], the product's own colours at the larger of the photo's sizes."""
        pixels, alpha = self.largest
        return pixels if self.photo.alpha is not None else foreground_colors(pixels, alpha)


class MatteNet:
    """A loaded matte network."""

    def __init__(self, path: Path, *, threads: int = 1, provider: Provider = "cpu") -> None:
        """Load a folder with manifest or an ONNX file, and run its warm-up.

        Raises Permanent where a manifest or its sha256 is wrong, SettingsError for a file that is
        no matte network.
        """
        self.short_side = SHORT_SIDE
        if path.is_dir():
            manifest = load_matte_manifest(path)
            file, self.version = path / manifest.file, manifest.version
            self.short_side = manifest.short_side
        else:
            file, self.version = path, _version_of(path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                file, options, providers=[PROVIDER_NAMES[provider]]
            )
        except Exception as problem:
            raise SettingsError(f"matte network: {file} is no ONNX file: {problem}") from problem
        self._input = self._checked_input(file)
        self._warm_up(file)

    def alpha(self, pixels: Pixels) -> Floats:
        """Return the alpha [h, w] that the network finds in [H, W, 3], at the network's size."""
        small = resized(to_floats(pixels), self._size(pixels.shape))
        planes = np.ascontiguousarray(small.transpose(2, 0, 1)[None])
        (found,) = self._session.run(None, {self._input.name: planes})
        return np.asarray(found[0, 0], np.float32)

    def _size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        fixed = self._input.shape[2:]
        if all(isinstance(side, int) for side in fixed):
            return int(fixed[0]), int(fixed[1])
        scale = self.short_side / min(shape[:2])
        height, width = (
            max(1, round(side * scale / SIZE_MULTIPLE)) * SIZE_MULTIPLE for side in shape[:2]
        )
        return height, width

    def _checked_input(self, file: Path) -> onnxruntime.NodeArg:
        """Raises SettingsError unless the network has the inputs and outputs of one."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if [len(inputs), len(outputs)] != [1, 1]:
            raise SettingsError(
                f"matte network: {file} has {len(inputs)} inputs and {len(outputs)} outputs; "
                "a photo in and its alpha out are needed"
            )
        for one, channels, what in ((inputs[0], 3, "input"), (outputs[0], 1, "output")):
            shape = one.shape
            if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != channels):
                raise SettingsError(
                    f"matte network: the {what} of {file} has the shape {shape}; "
                    f"[1, {channels}, H, W] is needed"
                )
        return inputs[0]

    def _warm_up(self, file: Path) -> None:
        side = self.short_side
        picture = np.random.default_rng(0).integers(0, 255, (side, side, 3)).astype(np.uint8)
        start = time.perf_counter()
        try:
            found = self.alpha(picture)
        except Exception as problem:
            raise SettingsError(f"matte network: {file} cannot run: {problem}") from problem
        seconds = time.perf_counter() - start
        if found.shape != self._size(picture.shape):
            raise SettingsError(f"matte network: {file} returns an alpha of the size {found.shape}")
        if not np.isfinite(found).all() or found.min() < -0.01 or found.max() > 1.01:
            raise SettingsError(f"matte network: {file} returns values that are not in 0 to 1")
        if seconds > SLOWEST:
            raise SettingsError(
                f"matte network: {file} takes {seconds:.1f} s for a photo of {side} px; "
                f"at most {SLOWEST:.0f} s"
            )


def load_matte_manifest(folder: Path) -> MatteManifest:
    """Return the checked manifest of a matte network's folder.

    Raises Permanent when there is none, it is malformed, or its file lacks or has another sha256.
    """
    manifest = read_manifest(folder, MatteManifest, "matte network")
    check_file(folder / manifest.file, manifest.sha256)
    return manifest


def _version_of(file: Path) -> str:
    try:
        return sha256(file.read_bytes()).hexdigest()[:12]
    except OSError as problem:
        raise SettingsError(f"matte network: cannot read {file}: {problem.strerror}") from problem


def cut_out(photo: Photo, net: MatteNet) -> Cutout:
    """Cut the product out of a photo: by its own alpha, by its plain ground, else by the network.

    On plain ground the mask that is grown from the border stands in for a network that is not sure,
    and completes one that is.
    """
    if photo.alpha is not None:
        large = None if photo.large_alpha is None else to_floats(photo.large_alpha)
        return Cutout(photo, to_floats(photo.alpha), large, 1.0, "alpha")
    found = net.alpha(photo.pixels)
    alpha, confidence = settled(found), confidence_of(found)
    small = to_pixels(resized(to_floats(photo.pixels), found.shape))
    mask = product_mask(to_floats(small))
    if has_plain_ground(mask):
        if confidence >= TRUSTED:
            alpha = joined_on_plain_ground(alpha, mask, small)
        else:
            alpha, confidence = mask, confidence_of(mask)
    alpha = without_strays(alpha)
    if photo.large is None:
        return Cutout(photo, refined(alpha, photo.pixels), None, confidence, net.version)
    large = refined(alpha, photo.large)
    shrunk = resized(large[..., None], photo.pixels.shape)[..., 0]
    return Cutout(photo, shrunk, large, confidence, net.version)


def placed_on_white(cutout: Cutout) -> Photo:
    """Return the photo with its product on white, the edge free of the old ground's colours."""
    photo, (_, alpha) = cutout.photo, cutout.largest
    placed, small_alpha = _on_white(cutout.colors, alpha), to_pixels(cutout.alpha)
    height, width = cutout.alpha.shape
    if placed.shape[:2] == (height, width):
        return Photo(placed, photo.sha256, None, small_alpha, None, photo.notes)
    resampling = Image.Resampling.LANCZOS
    small = Image.fromarray(placed).resize((width, height), resampling, reducing_gap=2.0)
    sizes = (np.asarray(small), photo.sha256, placed, small_alpha, to_pixels(alpha))
    return Photo(*sizes, photo.notes)


def _on_white(colors: Pixels, alpha: Floats) -> Pixels:
    placed = np.where(alpha[..., None] > 0, colors, np.uint8(255))
    edge = (alpha > 0) & (alpha < 1)
    placed[edge] = to_pixels(1 - alpha[edge, None] * (1 - to_floats(colors[edge])))
    return placed
