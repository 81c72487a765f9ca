"""Run the generator on ONNX Runtime: batches of photos of one shape in, renders out.

The engine needs a warm-up and is not ready before it. The precision depends on the processor:
without dot products of bytes (VNNI on x86, dotprod on Arm) ONNX Runtime multiplies bytes in pairs
whose sums saturate at 16 bits, so that INT8 renders would be wrong, not only slow. Linux reports
this; on other systems INT8 is not used.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.rendering.composition import PROVIDER_NAMES, Composition
from stylecore.rendering.manifest import GeneratorManifest, Precision, load_manifest

CPUINFO = Path("/proc/cpuinfo")
BYTE_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "asimddp"}


def has_byte_dot_products(cpuinfo: Path = CPUINFO) -> bool:
    """Return whether every product of two bytes is summed in 32 bits."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return flags is not None and not BYTE_DOT_PRODUCTS.isdisjoint(flags[1].split())


Provider = Literal["auto", "cuda", "cpu"]

_ERRORS_ONLY = 3
_OUT_OF_MEMORY = re.compile(r"bad_alloc|allocate memory|out of memory|CUBLAS_STATUS_ALLOC_FAILED")


class Engine:
    """A loaded generator. `provider` says where it runs, 'cuda' or 'cpu'; `precision` in what."""

    def __init__(
        self,
        folder: Path,
        *,
        provider: Provider = "auto",
        threads: int = 0,
        precision: Precision | Literal["auto"] = "auto",
    ) -> None:
        """Load the generator of `folder` and run its warm-up.

        `threads` counts for a CPU only; 0 takes one a core. Precision 'auto' is the manifest's for
        the provider. Raises SettingsError where CUDA or a precision is asked for and not to be had,
        and Permanent where the manifest or a sha256 is wrong.
        """
        self.manifest: GeneratorManifest = load_manifest(folder)
        wanted: Literal["cuda", "cpu"]
        wanted = ("cuda" if has_cuda_device() else "cpu") if provider == "auto" else provider
        if wanted == "cuda":
            onnxruntime.preload_dlls()
        self.precision = (
            served_precision(self.manifest, wanted) if precision == "auto" else precision
        )
        file = file_of(self.manifest, self.precision, wanted)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            folder / file, options, providers=[PROVIDER_NAMES[wanted]]
        )
        if PROVIDER_NAMES[wanted] not in self._session.get_providers():
            raise SettingsError("the CUDA provider could not be loaded; use provider 'cpu'")
        self.provider = wanted
        self.composition = Composition(wanted)
        self._warm_up()

    def render(self, photos: Floats, weights: Floats, noise: Floats) -> Floats:
        """Draw a batch.

        photos: [B, H, W, 3] in 0-1; weights: [B, S] of the manifest's styles, each row's sum 1;
        noise: [B, H, W, 3], standard normal. Returns [B, H, W, 3] in 0-1. Any H and W: the edge
        is repeated up to the multiple that the network needs, and cut off afterwards. Raises
        MemoryError.
        """
        height, width = photos.shape[1:3]
        inputs = {
            "photo": self._planes(photos),
            "weights": np.ascontiguousarray(weights, np.float32),
            "noise": self._planes(noise),
        }
        renders: Floats = self._planes_of(inputs).transpose(0, 2, 3, 1)[:, :height, :width]
        return renders

    def _planes_of(self, inputs: dict[str, Floats]) -> Floats:
        """[B, 3, H', W']; on a CPU picture by picture, where a batch has no gain to offer."""
        count = len(inputs["photo"])
        size = 1 if self.provider == "cpu" else count
        parts = [slice(start, start + size) for start in range(0, count, size)]
        drawn = [self._run({name: array[part] for name, array in inputs.items()}) for part in parts]
        return np.concatenate(drawn)

    def _run(self, inputs: dict[str, Floats]) -> Floats:
        """[B, 3, H', W']. Raises MemoryError where ONNX Runtime reports it in an error text."""
        try:
            planes: Floats = self._session.run(["render"], inputs)[0]
        except Exception as problem:
            if _OUT_OF_MEMORY.search(str(problem)):
                raise MemoryError(f"drawing: {problem}") from problem
            raise
        return planes

    def _planes(self, pictures: Floats) -> Floats:
        """Convert [B, H, W, 3] to [B, 3, H', W'] with H' and W' multiples of the network's own."""
        multiple = self.manifest.size_multiple
        down, right = (-side % multiple for side in pictures.shape[1:3])
        padded = np.pad(pictures, ((0, 0), (0, down), (0, right), (0, 0)), mode="edge")
        return np.ascontiguousarray(padded.transpose(0, 3, 1, 2), np.float32)

    def _warm_up(self) -> None:
        side, styles = self.manifest.working_size, len(self.manifest.styles)
        picture: Floats = np.zeros((1, side, side, 3), np.float32)
        self.render(picture, np.full((1, styles), 1 / styles, np.float32), picture)


def served_precision(manifest: GeneratorManifest, provider: Literal["cuda", "cpu"]) -> Precision:
    """What the manifest serves on a provider; fp32 on a CPU that is slow or inexact in bytes."""
    precision = manifest.served.get(provider, "fp32")
    return "fp32" if precision == "int8" and not has_byte_dot_products() else precision


def file_of(manifest: GeneratorManifest, precision: Precision, provider: str) -> str:
    """The file of a precision. Raises SettingsError: there is none, or not for the provider."""
    if precision == "fp32":
        return manifest.file
    if precision not in manifest.variants:
        there = ", ".join(["fp32", *manifest.variants])
        raise SettingsError(
            f"precision: generator {manifest.version} has no {precision} file, only {there}"
        )
    if precision == "int8" and provider != "cpu":
        raise SettingsError("precision: int8 draws on a CPU only; use fp16, or provider 'cpu'")
    return manifest.variants[precision].file


def has_cuda_device() -> bool:
    """Whether the driver is there and sees a GPU; ONNX Runtime lists its provider regardless."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    works = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return works and count.value > 0
